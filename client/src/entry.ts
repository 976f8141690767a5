import type { Intent } from './intent.ts';
import { type Problem, readProblem } from './problem.ts';
import type { Answer, ServerSource } from './result.ts';
import type { State } from './state.ts';
import type { StorageKind } from './storage.ts';

/** The headers of an answer that are kept. Everything else, cookies and credentials above all, never is. */
export const keptHeaders: readonly string[] = [
  'content-language',
  'content-type',
  'etag',
  'idempotency-expires',
  'location',
];

/** An answer as it is kept. */
export interface KeptAnswer {
  readonly status: number;
  /** Lower-case names, {@link keptHeaders} only. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What it was when it came. */
  readonly source: ServerSource;
}

/** What is written down about an intent. */
export interface Entry {
  readonly intent: Intent;
  readonly state: Exclude<State, 'draft'>;
  /** Epoch milliseconds, as are all times here. */
  readonly createdAt: number;
  /** When the state or the answer last changed. */
  readonly updatedAt: number;
  /** When it last answered somebody; the least recently used goes first where room is needed. */
  readonly usedAt: number;
  /** Requests that left, in all. */
  readonly attempts: number;
  /** Present once `succeeded`, and once `failed` for an answer. */
  readonly answer?: KeptAnswer;
  /** The answer of a `failed` intent. */
  readonly problem?: Problem;
}

/** An entry as it lies in the storage. */
export interface StoredEntry extends Entry {
  /** What it takes there, in bytes. */
  readonly bytes: number;
  readonly storage: StorageKind;
}

/** Keeps of an answer what may be kept. */
export function keep({ status, headers, body }: Answer, source: ServerSource): KeptAnswer {
  const kept = keptHeaders.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return { status, headers: Object.fromEntries(kept), body, source };
}

/** The opposite of {@link keep}. */
export function toAnswer({ status, headers, body }: KeptAnswer): Answer {
  return { status, headers: new Headers(headers), body };
}

/** The entry's name in the storage. It begins with the fingerprint, so that all intents of a fingerprint are found by prefix. */
export function entryId({ fingerprint, key }: Pick<Intent, 'fingerprint' | 'key'>): string {
  return `${fingerprint}.${key}`;
}

/** The version of the format that this library writes, and the newest that it reads. */
export const formatVersion = 1;

/** A text that is no entry. `newer`: a newer version wrote it, and it is not ours to judge. */
export class FormatError extends Error {
  readonly newer: boolean;

  constructor(message: string, newer = false, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FormatError';
    this.newer = newer;
  }
}

/** An entry as text, JSON of the present version. The scope is left out: it may say who somebody is. */
export function encodeEntry(entry: Entry): string {
  const { intent, state, createdAt, updatedAt, usedAt, attempts, answer } = entry;
  const { key, fingerprint, method, url, body, firstSentAt, expiresAt } = intent;
  return JSON.stringify({
    v: formatVersion,
    state,
    createdAt,
    updatedAt,
    usedAt,
    attempts,
    intent: { key, hash: fingerprint, method, url, body: encodeBytes(body), firstSentAt, expiresAt },
    answer: answer && { ...answer, body: encodeBytes(answer.body) },
  });
}

/** The opposite of {@link encodeEntry}, trusting nothing. @throws {FormatError} */
export function decodeEntry(text: string, id: string, scope: string): Entry {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new FormatError('it is no JSON', false, { cause: error });
  }
  const outer = record(raw, 'entry');
  if (outer.v !== formatVersion) {
    const newer = typeof outer.v === 'number' && outer.v > formatVersion;
    throw new FormatError(`its version is ${String(outer.v)}, not ${formatVersion}`, newer);
  }
  const inner = record(outer.intent, 'intent');
  const intent: Intent = {
    key: string(inner.key, 'intent.key'),
    fingerprint: string(inner.hash, 'intent.hash'),
    scope,
    method: string(inner.method, 'intent.method'),
    url: string(inner.url, 'intent.url'),
    body: decodeBytes(inner.body, 'intent.body'),
    ...(inner.firstSentAt !== undefined && { firstSentAt: time(inner.firstSentAt, 'intent.firstSentAt') }),
    ...(inner.expiresAt !== undefined && { expiresAt: time(inner.expiresAt, 'intent.expiresAt') }),
  };
  if (entryId(intent) !== id) {
    throw new FormatError('it lies under another name than its own');
  }
  const state = storedState(outer.state);
  const answer = outer.answer === undefined ? undefined : keptAnswer(outer.answer);
  if ((state === 'succeeded' || state === 'failed') !== (answer !== undefined)) {
    throw new FormatError(`an entry that is ${state} has ${answer === undefined ? 'no' : 'an'} answer`);
  }
  if (state !== 'pending' && state !== 'queued' && intent.firstSentAt === undefined) {
    throw new FormatError(`an entry that is ${state} was never sent`);
  }
  return {
    intent,
    state,
    createdAt: time(outer.createdAt, 'createdAt'),
    updatedAt: time(outer.updatedAt, 'updatedAt'),
    usedAt: time(outer.usedAt, 'usedAt'),
    attempts: time(outer.attempts, 'attempts'),
    ...(answer && { answer }),
    ...(answer &&
      state === 'failed' && {
        problem: readProblem(answer.status, answer.headers['content-type'] ?? null, answer.body),
      }),
  };
}

const storedStates: readonly string[] = ['pending', 'in-flight', 'queued', 'succeeded', 'failed', 'expired'];

function storedState(value: unknown): Entry['state'] {
  if (typeof value !== 'string' || !storedStates.includes(value)) {
    throw new FormatError(`its state is ${String(value)}`);
  }
  return value as Entry['state'];
}

function keptAnswer(value: unknown): KeptAnswer {
  const raw = record(value, 'answer');
  const source = string(raw.source, 'answer.source');
  if (source !== 'executed' && source !== 'server-replay') {
    throw new FormatError(`answer.source is ${source}`);
  }
  const headers = Object.entries(record(raw.headers, 'answer.headers')).map(([name, header]) => [
    name,
    string(header, `answer.headers.${name}`),
  ]);
  return {
    status: time(raw.status, 'answer.status'),
    headers: Object.fromEntries(headers),
    body: decodeBytes(raw.body, 'answer.body'),
    source,
  };
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    throw new FormatError(`${name} is no object`);
  }
  return value as Record<string, unknown>;
}

function string(value: unknown, name: string): string {
  if (typeof value !== 'string') {
    throw new FormatError(`${name} is no string`);
  }
  return value;
}

function time(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new FormatError(`${name} is no number`);
  }
  return value;
}

/** Bytes as text: as they are where they are UTF-8, which JSON always is, else in base64. */
function encodeBytes(bytes: Uint8Array): { utf8: string } | { base64: string } {
  try {
    return { utf8: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) };
  }
}

function decodeBytes(value: unknown, name: string): Uint8Array<ArrayBuffer> {
  const { utf8, base64 } = record(value, name);
  if (typeof utf8 === 'string') {
    return new TextEncoder().encode(utf8);
  }
  try {
    return Uint8Array.from(atob(string(base64, name)), (char) => char.charCodeAt(0));
  } catch (error) {
    throw new FormatError(`${name} is no base64`, false, { cause: error });
  }
}

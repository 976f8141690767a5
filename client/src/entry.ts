import type { Intent } from './intent.ts';
import { type Problem, readProblem } from './problem.ts';
import type { ReadResponse, ServerSource } from './response.ts';
import type { State } from './state.ts';
import type { StorageKind } from './storage.ts';

/** The headers of a response that are stored. No other is, cookies and credentials above all. */
export const storedHeaders: readonly string[] = [
  'content-language',
  'content-type',
  'etag',
  'idempotency-expires',
  'location',
];

/** A response as it is stored. */
export interface StoredResponse {
  readonly status: number;
  /** Lower-case names, {@link storedHeaders} only. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty unless {@link complete}. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Where it came from, when it came. */
  readonly source: ServerSource;
  /** False if the body was too large, or has made room for others. */
  readonly complete: boolean;
}

/** What is written down about an intent. */
export interface Entry {
  /** Its body is empty once that has made room for others, which happens to intents that have succeeded only. */
  readonly intent: Intent;
  readonly state: Exclude<State, 'draft'>;
  /** Epoch milliseconds of this device's clock, as are all times here. */
  readonly createdAt: number;
  /** When the state or the response last changed. */
  readonly updatedAt: number;
  /** Requests that left, in all. */
  readonly attempts: number;
  /** The server asked not to be asked before. */
  readonly notBefore?: number | undefined;
  /** The end of the window of a `succeeded` or `failed` intent. */
  readonly until?: number | undefined;
  /** Present once `succeeded` or `failed`. */
  readonly response?: StoredResponse | undefined;
  /** The problem of a `failed` intent. */
  readonly problem?: Problem | undefined;
}

/** An entry as it lies in the storage. */
export interface StoredEntry extends Entry {
  /** What it takes there, in bytes. */
  readonly bytes: number;
  readonly storage: StorageKind;
}

/** Picks of a response what may be stored. */
export function toStored({
  status,
  headers,
  body,
  source,
}: ReadResponse & { readonly source: ServerSource }): StoredResponse {
  const kept = [...headers].filter(([name]) => storedHeaders.includes(name));
  return { status, headers: Object.fromEntries(kept), body, source, complete: true };
}

/** The opposite of {@link toStored}. */
export function fromStored({ status, headers, body }: StoredResponse): ReadResponse {
  return { status, headers: new Headers(headers), body };
}

const nothing = new Uint8Array();

/**
 * What stays of a finished intent when room is needed: key, fingerprint, outcome, end of the window. A refused request
 * keeps its bytes, because it may be submitted again.
 */
export function tombstone(entry: Entry): Entry {
  const { intent, state, response } = entry;
  return {
    ...entry,
    intent: state === 'succeeded' ? { ...intent, body: nothing } : intent,
    response: response && { ...response, body: nothing, complete: false },
  };
}

/** The entry as it would be if the device's clock had always been ahead by that many milliseconds more. */
export function shifted(entry: Entry, ms: number): Entry {
  const shift = <T extends object>(value: T): T => {
    const moved = { ...value } as Record<string, unknown>;
    for (const name of times) {
      if (moved[name] !== undefined) {
        moved[name] = Number(moved[name]) + ms;
      }
    }
    return moved as T;
  };
  return { ...shift(entry), intent: shift(entry.intent) };
}

/** What is a time by this device's clock, or counted from one, of an entry or its intent. */
const times = ['createdAt', 'updatedAt', 'notBefore', 'until', 'firstSentAt', 'expiresAt', 'skew'];

/**
 * Reports whether the server recorded a refusal. That intent is over: to ask again once the reason has gone is another.
 * A recorded 409 or 410 may mean that the outcome is unknown or that the response was not kept, and so is no refusal.
 */
export function isRefused({ state, response }: Pick<Entry, 'state' | 'response'>): boolean {
  const { status = 0, source } = response ?? {};
  return (
    state === 'failed' &&
    (status === 402 ||
      (source === 'server-replay' && status >= 400 && status < 500 && status !== 409 && status !== 410))
  );
}

/** The entry's name in the storage. It begins with the fingerprint, so that all that ask for the same have a prefix. */
export function entryId({ fingerprint, key }: Pick<Intent, 'fingerprint' | 'key'>): string {
  return `${fingerprint}.${key}`;
}

/** The opposite of {@link entryId}. Undefined if the name is not an entry's. */
export function readId(id: string): Pick<Intent, 'fingerprint' | 'key'> | undefined {
  const dot = id.indexOf('.');
  return dot < 0 ? undefined : { fingerprint: id.slice(0, dot), key: id.slice(dot + 1) };
}

/** The version of the format that this library writes, and the newest that it reads. */
export const formatVersion = 2;

/** A text that is no entry. `newer`: a newer version wrote it. */
export class FormatError extends Error {
  readonly newer: boolean;

  constructor(message: string, newer = false) {
    super(message);
    this.newer = newer;
  }
}

/** An entry as text, JSON of the present version. The scope is left out: it may say who somebody is. */
export function encodeEntry(entry: Entry): string {
  const { intent, response, problem, bytes, storage, ...rest } = entry as StoredEntry;
  const { key, fingerprint, scope, ...request } = intent;
  return JSON.stringify(
    { v: formatVersion, ...rest, intent: request, response },
    // A character per byte: JSON stays legible, and whatever is not UTF-8 survives.
    (_, value) =>
      value instanceof Uint8Array ? Array.from(value, (byte) => String.fromCharCode(byte)).join('') : value,
  );
}

/** The opposite of {@link encodeEntry}. It trusts nothing. @throws {FormatError} */
export function decodeEntry(text: string, id: string, scope: string): Entry {
  let raw: Raw;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new FormatError('it is not JSON');
  }
  const { v, ...rest } = raw ?? {};
  if (v !== formatVersion) {
    throw new FormatError(`its version is ${v}`, v > formatVersion);
  }
  const { state, intent, response } = rest;
  const finished = state === 'succeeded' || state === 'failed';
  const numbers = [rest.createdAt, rest.updatedAt, rest.attempts];
  const texts = [intent?.method, intent?.url, intent?.body];
  if (finished || state === 'in-flight') {
    numbers.push(intent?.firstSentAt);
  }
  if (finished) {
    numbers.push(response?.status);
    texts.push(response?.body);
  }
  if (
    !states.includes(state) ||
    !numbers.every(Number.isFinite) ||
    !texts.every((text) => typeof text === 'string') ||
    (finished ? typeof response.headers !== 'object' : response)
  ) {
    throw new FormatError('it is damaged');
  }
  const asked: Intent = { ...intent, ...readId(id), scope, body: toBytes(intent.body) };
  const stored: StoredResponse | undefined = response && { ...response, body: toBytes(response.body) };
  return {
    ...rest,
    intent: asked,
    response: stored,
    problem:
      stored && state === 'failed'
        ? readProblem(stored.status, stored.headers['content-type'] ?? null, stored.body)
        : undefined,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse returns, before it is checked
type Raw = any;

const states: readonly State[] = ['pending', 'in-flight', 'queued', 'blocked', 'succeeded', 'failed', 'expired'];

function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

import type { Intent } from './intent.ts';
import type { ReadResponse, ServerSource } from './response.ts';
import { isStoredState, type StoredState } from './state.ts';
import type { StorageKind } from './storage.ts';

/** The headers of a response that are stored. No other is, cookies and credentials above all. */
export const storedHeaders: readonly string[] = [
  'content-language',
  'content-type',
  'etag',
  'idempotency-expires',
  'location',
];

/** A response as it is stored: its headers are {@link storedHeaders}, and its body is empty unless {@link complete}. */
export interface StoredResponse extends ReadResponse {
  /** Where it came from, when it came. */
  readonly source: ServerSource;
  /** False if the body was too large, or has made room for others. */
  readonly complete: boolean;
}

/** What is written down about an intent. */
export interface Entry {
  /** Its body is empty once that has made room for others, which happens to intents that have succeeded only. */
  readonly intent: Intent;
  readonly state: StoredState;
  /** Epoch milliseconds of this device's clock, as are all times here. */
  readonly createdAt: number;
  /** When the state or the response last changed. */
  readonly updatedAt: number;
  /** Requests that left, in all. */
  readonly attempts: number;
  /** The server asked not to be asked before. */
  readonly notBefore?: number | undefined;
  /** Present once `succeeded` or `failed`. */
  readonly response?: StoredResponse | undefined;
}

/** An entry as it lies in the storage. */
export interface StoredEntry extends Entry {
  /** What it takes there, in bytes. */
  readonly bytes: number;
  readonly storage: StorageKind;
}

const nothing = new Uint8Array();

/**
 * What stays of a finished intent when room is needed: key, fingerprint, outcome, end of the window. A refused request
 * keeps its bytes, because it may be submitted again.
 */
export const tombstone = (entry: Entry): Entry => {
  const { intent, state, response } = entry;
  return {
    ...entry,
    intent: state === 'succeeded' ? { ...intent, body: nothing } : intent,
    response: response && { ...response, body: nothing, complete: false },
  };
};

/** An entry that was read, as it would be if the device's clock had always been ahead by that many milliseconds more. */
export const shifted = (entry: Entry, ms: number): Entry => {
  const shift = <T extends object>(value: T): T => {
    const moved = { ...value } as Record<string, number>;
    for (const name in moved) {
      if (isTime.test(name)) {
        moved[name] = (moved[name] as number) + ms;
      }
    }
    return moved as T;
  };
  return { ...shift(entry), intent: shift(entry.intent) };
};

/** The names of times by this device's clock, or counted from one, in an entry or its intent. */
const isTime = /At$|^(notBefore|skew)$/;

/**
 * Reports whether the server recorded a refusal. That intent is over: to ask again once the reason has gone is another.
 * A recorded 409 or 410 may mean that the outcome is unknown or that the response was not kept, and so is no refusal.
 */
export const isRefused = ({ state, response }: Pick<Entry, 'state' | 'response'>): boolean => {
  if (state !== 'failed') {
    return false;
  }
  const { status, source } = response as StoredResponse;
  return (
    status === 402 || (source === 'server-replay' && status >= 400 && status < 500 && ![409, 410].includes(status))
  );
};

/** What tells an entry from the others of its scope. */
export type EntryName = Pick<Intent, 'fingerprint' | 'key'>;

/** The entry's id in the storage. It begins with the fingerprint, so that all that ask for the same have a prefix. */
export const entryId = ({ fingerprint, key }: EntryName): string => `${fingerprint}.${key}`;

/** The opposite of {@link entryId}. Undefined if the name is not an entry's. */
export const readId = (id: string): EntryName | undefined => {
  const dot = id.indexOf('.');
  return dot < 0 ? undefined : { fingerprint: id.slice(0, dot), key: id.slice(dot + 1) };
};

/** The version of the format that this library writes, and the newest that it reads. */
export const formatVersion = 2;

/** An entry as text, JSON of the present version. The scope is left out: it may say who somebody is. */
export const encodeEntry = (entry: Entry): string => {
  const { intent, bytes, storage, ...rest } = entry as StoredEntry;
  const { key, fingerprint, scope, ...request } = intent;
  return JSON.stringify({ v: formatVersion, ...rest, intent: request }, (_, value) => {
    if (value instanceof Headers) {
      return Object.fromEntries([...value].filter(([name]) => storedHeaders.includes(name)));
    }
    // A character per byte: JSON stays legible, and whatever is not UTF-8 survives.
    return value instanceof Uint8Array ? Array.from(value, (byte) => String.fromCharCode(byte)).join('') : value;
  });
};

/** A text that cannot be read as an entry: a newer version of this library wrote it, or it is damaged. */
export interface Unreadable {
  readonly newer: boolean;
}

/** The opposite of {@link encodeEntry}. It trusts nothing. */
export const decodeEntry = (text: string, name: EntryName, scope: string): Entry | Unreadable => {
  try {
    const { v, ...entry }: Raw = JSON.parse(text);
    if (v !== formatVersion) {
      return { newer: v > formatVersion };
    }
    const { state, intent, response } = entry;
    const finished = state === 'succeeded' || state === 'failed';
    const numbers = [entry.createdAt, entry.updatedAt, entry.attempts];
    const texts = [intent.method, intent.url, intent.body];
    if (state === 'in-flight') {
      numbers.push(intent.firstSentAt);
    }
    if (finished) {
      numbers.push(intent.expiresAt, response.status);
      texts.push(response.body);
      response.headers = new Headers(response.headers);
      response.body = toBytes(response.body);
    }
    Object.assign(intent, name, { scope, body: toBytes(intent.body) });
    if (
      isStoredState(state) &&
      finished === !!response &&
      numbers.every(Number.isFinite) &&
      texts.every((text) => typeof text === 'string')
    ) {
      return entry;
    }
  } catch {
    // It is no JSON, or a member is missing.
  }
  return { newer: false };
};

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse returns, before it is checked
type Raw = any;

const toBytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (char) => char.charCodeAt(0));

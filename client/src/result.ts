import type { SendError } from './errors.ts';
import { parseJson, type ReadResponse, type ServerSource, type Trace } from './response.ts';

/**
 * Where an outcome came from.
 *
 * - `executed`: the handler ran for this send
 * - `server-replay`: the server replayed the response that it had recorded
 * - `client-cache`: an earlier response, stored here; nothing was sent
 * - `queued`: there is no response yet; the intent waits in the outbox
 */
export type Source = ServerSource | 'client-cache' | 'queued';

/** A success. */
export interface Result extends Trace, ReadResponse {
  readonly source: Exclude<Source, 'queued'>;
  /** Of a response from the cache: those of {@link storedHeaders}. */
  readonly headers: Headers;
  /** The bytes of the response; those of a replay are identical to the first one's. Empty unless {@link complete}. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** False if the body is no longer stored: it was too large, or has made room for others. */
  readonly complete: boolean;
  /** The end of the window in which a duplicate is replayed, by this device's clock, if the server said so. */
  readonly expires?: Date | undefined;
  /** The body, parsed. The type is the caller's claim. @throws {SyntaxError} if the body is not JSON, or not complete */
  json<T>(): T;
}

/** A success that has just come from the server. */
export interface ServerResult extends Result {
  readonly source: ServerSource;
}

/** No response yet. The intent is stored, and sent again by the outbox. */
export interface Queued extends Trace {
  readonly source: 'queued';
  /** Whether it waits for the application rather than for time or network: see the state `blocked`. */
  readonly blocked: boolean;
  /** The server asked not to be asked before. By this device's clock. */
  readonly retryAt?: Date | undefined;
  /** Why the last attempt brought no final response. Absent if there was none. */
  readonly cause?: SendError | undefined;
}

/** What a submission comes to, unless it fails. The two differ by `source`. */
export type Outcome = Result | Queued;

/** Makes a result of a response. */
export const resultOf = <S extends Result['source']>(
  response: ReadResponse & { readonly source: S; readonly complete?: boolean },
  trace: Trace,
): Result & { readonly source: S } => {
  return {
    ...trace,
    complete: true,
    ...response,
    expires: toDate(trace.intent.expiresAt),
    json: () => parseJson(response.body),
  };
};

export const toDate = (ms: number | undefined): Date | undefined => (ms ? new Date(ms) : undefined);

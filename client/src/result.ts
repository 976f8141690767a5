import type { SendError } from './errors.ts';
import type { Intent } from './intent.ts';

/**
 * Where an outcome came from.
 *
 * - `executed`: the handler ran for this send
 * - `server-replay`: the server replayed what it had recorded
 * - `client-cache`: an earlier answer, kept here; nothing was sent
 * - `queued`: there is no answer yet; the intent waits in the outbox
 */
export type Source = 'executed' | 'server-replay' | 'client-cache' | 'queued';

/** Where an answer came from that a server gave. */
export type ServerSource = Extract<Source, 'executed' | 'server-replay'>;

/** What is known of a send, however it ended. */
export interface Trace {
  /** The intent as it is now; keep it to send the same again. */
  readonly intent: Intent;
  /** Requests that left, for this call. */
  readonly attempts: number;
  /** From the call to its end, waits included, in milliseconds. */
  readonly latencyMs: number;
}

/** A successful answer. */
export interface Result extends Trace {
  readonly source: Exclude<Source, 'queued'>;
  readonly status: number;
  /** Those of an answer from the cache are the ones that are kept: see {@link keptHeaders}. */
  readonly headers: Headers;
  /** The bytes of the answer; those of a replay are identical to the first one's. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The end of the window in which a duplicate is replayed, if the server said so. */
  readonly expires?: Date;
  /** The body, parsed. The type is the caller's claim. @throws SyntaxError where the body is not JSON */
  json<T>(): T;
}

/** A successful answer that has just come from the server. */
export interface ServerResult extends Result {
  readonly source: ServerSource;
}

/** No answer yet. The intent is stored, and sent again on reconnect, on focus and at the next start. */
export interface Queued extends Trace {
  readonly source: 'queued';
  /** Why the last try brought no answer. Absent where there was no network to try. */
  readonly cause?: SendError;
}

/** What a submission comes to, unless it fails. Tell the two apart by `source`. */
export type Outcome = Result | Queued;

/** An answer as it came or as it was kept. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Makes a result of an answer. */
export function resultOf<S extends Result['source']>(
  { status, headers, body }: Answer,
  source: S,
  trace: Trace,
): Result & { readonly source: S } {
  const { expiresAt } = trace.intent;
  return {
    ...trace,
    source,
    status,
    headers,
    body,
    ...(expiresAt === undefined ? {} : { expires: new Date(expiresAt) }),
    json: () => JSON.parse(new TextDecoder().decode(body)),
  };
}

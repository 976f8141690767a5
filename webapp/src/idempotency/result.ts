import type { Intent } from './intent.ts';

/** Where an answer came from: the handler ran for this send, or the server replayed what it had recorded. */
export type Source = 'executed' | 'server-replay';

/** What is known of a send, however it ended. */
export interface Trace {
  /** The intent as it is now; keep it to send the same again. */
  readonly intent: Intent;
  /** Requests that left. */
  readonly attempts: number;
  /** From the call to its end, waits included, in milliseconds. */
  readonly latencyMs: number;
}

/** A successful answer. */
export interface Result extends Trace {
  readonly source: Source;
  readonly status: number;
  readonly headers: Headers;
  /** The bytes of the answer; those of a replay are identical to the first one's. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The end of the window in which a duplicate is replayed, if the server said so. */
  readonly expires?: Date;
  /** The body, parsed. The type is the caller's claim. @throws SyntaxError where the body is not JSON */
  json<T>(): T;
}

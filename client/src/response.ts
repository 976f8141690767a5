import type { Intent } from './intent.ts';

/** Where a response came from: `executed` by the handler for this request, or recorded by the server and replayed. */
export type ServerSource = 'executed' | 'server-replay';

/** A response, read to its end. */
export interface ReadResponse {
  /** 0 for a redirect, which is not followed. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Parses a body as JSON. @throws {SyntaxError} if it is none */
// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse returns
export const parseJson = (body: Uint8Array): any => JSON.parse(new TextDecoder().decode(body));

/** What is known of a send, however it ended. */
export interface Trace {
  /** The intent as it is now; keep it to send the same again. */
  readonly intent: Intent;
  /** Requests that left, for this call. */
  readonly attempts: number;
  /** From the call to its end, waits included, in milliseconds. */
  readonly latencyMs: number;
}

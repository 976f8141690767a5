import { type Problem, readProblem } from './problem.ts';
import type { ReadResponse, ServerSource, Trace } from './response.ts';

/**
 * The base of what `send` and `submit` reject with for reasons of network, server and time. Other errors are the
 * caller's: an abort's reason, a request that cannot be sent, whatever `headers` threw.
 */
export abstract class SendError extends Error implements Trace {
  declare readonly intent: Trace['intent'];
  declare readonly attempts: number;
  declare readonly latencyMs: number;

  constructor(message: string, trace: Trace, more?: object) {
    super(message);
    Object.assign(this, trace, more);
  }
}

/** The server answered with an error, finally or for longer than the retry policy allows. */
export class ProblemError extends SendError implements ReadResponse {
  // Written out, here and below: a build may rename the class.
  override readonly name = 'ProblemError';
  declare readonly status: number;
  declare readonly headers: Headers;
  declare readonly body: Uint8Array<ArrayBuffer>;
  /** A recorded error (402, 409, 410) is replayed like any other response. */
  declare readonly source: ServerSource;
  declare readonly problem: Problem;

  constructor(response: ReadResponse & { readonly source: ServerSource }, trace: Trace) {
    const problem = readProblem(response);
    super(problem.detail ?? problem.title, trace, { ...response, problem });
  }
}

/** No response came. Whether the request was executed is unknown until the same intent is sent again. */
export class NetworkError extends SendError {
  override readonly name = 'NetworkError';
}

/** The server may have forgotten the key: sending the intent again could do it a second time, so nothing was sent. */
export class WindowPassedError extends SendError {
  override readonly name = 'WindowPassedError';
}

/**
 * The same was asked before, and what was stored about it cannot be read: a newer version of the page wrote it, or it
 * is damaged. Nothing was sent, because the key under which it may have been done is not this intent's.
 */
export class UnreadableError extends SendError {
  override readonly name = 'UnreadableError';
  /** The key that is taken: to give up on it, `clear` it. */
  declare readonly key: string;
  /** Whether a newer version of this library wrote it: reload the page. */
  declare readonly newer: boolean;
}

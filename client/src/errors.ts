import type { Problem } from './problem.ts';
import type { ReadResponse, ServerSource, Trace } from './response.ts';

/**
 * The base of what `send` and `submit` reject with for reasons of network, server and time. Other errors are the
 * caller's: an abort's reason, a request that cannot be sent, whatever `headers` threw.
 */
export abstract class SendError extends Error implements Trace {
  readonly intent: Trace['intent'];
  readonly attempts: number;
  readonly latencyMs: number;

  constructor(message: string, trace: Trace, options?: ErrorOptions) {
    super(message, options);
    this.intent = trace.intent;
    this.attempts = trace.attempts;
    this.latencyMs = trace.latencyMs;
  }
}

/** The server answered with an error, finally or for longer than the retry policy allows. */
export class ProblemError extends SendError {
  // Written out, here and below: a build may rename the class.
  override readonly name = 'ProblemError';
  readonly problem: Problem;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  /** A recorded error (402, 409, 410) is replayed like any other response. */
  readonly source: ServerSource;

  constructor(problem: Problem, { headers, body }: ReadResponse, source: ServerSource, trace: Trace) {
    super(problem.detail ?? problem.title, trace);
    this.problem = problem;
    this.headers = headers;
    this.body = body;
    this.source = source;
  }
}

/** No response came. Whether the request was executed is unknown until the same intent is sent again. */
export class NetworkError extends SendError {
  override readonly name = 'NetworkError';

  constructor(trace: Trace, cause: unknown) {
    super('no response came; send the same intent again to learn its outcome', trace, { cause });
  }
}

/** The server may have forgotten the key: sending the intent again could do it a second time, so nothing was sent. */
export class WindowPassedError extends SendError {
  override readonly name = 'WindowPassedError';

  constructor(trace: Trace) {
    super('the window of this intent has passed; sending it again could execute it a second time', trace);
  }
}

/**
 * The same was asked before, and what was stored about it cannot be read: a newer version of the page wrote it, or it
 * is damaged. Nothing was sent, because the key under which it may have been done is not this intent's.
 */
export class UnreadableError extends SendError {
  override readonly name = 'UnreadableError';
  /** The key that is taken: to give up on it, `clear` it. */
  readonly key: string;
  /** Whether a newer version of this library wrote it: reload the page. */
  readonly newer: boolean;

  constructor(key: string, newer: boolean, trace: Trace) {
    super(
      newer
        ? 'a newer version of this page has the intent in hand; reload'
        : 'what is stored about the same intent is damaged',
      trace,
    );
    this.key = key;
    this.newer = newer;
  }
}

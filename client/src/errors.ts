import type { Intent } from './intent.ts';
import type { Problem } from './problem.ts';
import type { Answer, ServerSource, Trace } from './result.ts';

/** The base of what `send` and `submit` reject with, except for an abort, which rejects with the signal's reason. */
export abstract class SendError extends Error implements Trace {
  readonly intent: Intent;
  readonly attempts: number;
  readonly latencyMs: number;

  constructor(message: string, trace: Trace, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.intent = trace.intent;
    this.attempts = trace.attempts;
    this.latencyMs = trace.latencyMs;
  }
}

/** The server answered with an error, finally or for longer than the retry policy allows. */
export class ProblemError extends SendError {
  readonly problem: Problem;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  /** A recorded error (402, 409, 410) is replayed like any other answer. */
  readonly source: ServerSource;

  constructor(problem: Problem, answer: Answer, source: ServerSource, trace: Trace) {
    super(problem.detail ?? problem.title, trace);
    this.problem = problem;
    this.headers = answer.headers;
    this.body = answer.body;
    this.source = source;
  }
}

/** No answer came. Whether the request was executed is unknown until the same intent is sent again. */
export class NetworkError extends SendError {
  constructor(trace: Trace, cause: unknown) {
    super('no answer came; send the same intent again to learn its outcome', trace, { cause });
  }
}

/** The server may have forgotten the key: sending the intent again could do it a second time, so nothing was sent. */
export class WindowPassedError extends SendError {
  constructor(trace: Trace) {
    super('the window of this intent has passed; sending it again could execute it a second time', trace);
  }
}

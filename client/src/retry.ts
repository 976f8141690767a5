import { unlessAborted } from './abort.ts';
import { isProblem, type Problem } from './problem.ts';
import type { ReadResponse } from './response.ts';
import type { Runtime } from './runtime.ts';

/** How long and how often to try. Times in milliseconds. */
export interface RetryPolicy {
  /** Attempts in all, the first included. Default 5. */
  readonly maxAttempts: number;
  /** Upper bound of the wait after the first attempt; doubles with each further one. Default 250. */
  readonly baseDelayMs: number;
  /** Where that doubling ends. Default 5,000. */
  readonly maxDelayMs: number;
  /** How long one attempt may take before it counts as lost. Default 15,000. */
  readonly attemptTimeoutMs: number;
  /** How long all attempts and waits may take together. Default 45,000. */
  readonly totalTimeoutMs: number;
}

/** Fills in the defaults. @throws {RangeError} if a number is not positive, or `maxAttempts` not whole */
export const retryPolicy = (given: Partial<RetryPolicy> = {}): RetryPolicy => {
  return demandPositive({
    maxAttempts: 5,
    baseDelayMs: 250,
    maxDelayMs: 5_000,
    attemptTimeoutMs: 15_000,
    totalTimeoutMs: 45_000,
    ...given,
  });
};

/** Returns its argument. @throws {RangeError} if one of these numbers is not positive, or `maxAttempts` not whole */
export const demandPositive = <T extends object>(numbers: T): T => {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value > 0) || (name === 'maxAttempts' && value % 1)) {
      throw new RangeError(`${name} cannot be ${value}`);
    }
  }
  return numbers;
};

/** An error response, as {@link Classify} sees it. */
export interface ErrorResponse extends ReadResponse {
  readonly problem: Problem;
}

/**
 * What an error response means: `retry` the same request, since it may pass; `blocked` until the application has done
 * something about it, such as signing in; or `final`.
 */
export type Verdict = 'retry' | 'blocked' | 'final';

/**
 * Decides about the error responses of an API with words of its own; `undefined` leaves a response to the rules. It is
 * not asked about a recorded response (`Idempotent-Replayed: true`), which is final.
 */
export type Classify = (response: ErrorResponse) => Verdict | undefined;

/** What an error response says. */
export interface Judgement {
  readonly verdict: Verdict;
  /** How long the server asked to wait, in milliseconds; 0 if it did not. */
  readonly retryAfterMs: number;
}

/** Decides about an error response that has come `now`, in epoch milliseconds. */
export const judge = (response: ErrorResponse, classify: Classify | undefined, now: number): Judgement => {
  const { status, headers, problem } = response;
  const passes =
    status === 409
      ? isProblem(problem, 'in-progress') || headers.has('Retry-After')
      : [408, 425, 429].includes(status) || (status >= 500 && ![501, 505].includes(status));
  const ruled = passes ? 'retry' : status === 401 ? 'blocked' : 'final';
  return {
    verdict: isReplay(headers) ? 'final' : (classify?.(response) ?? ruled),
    retryAfterMs: readRetryAfter(headers, now),
  };
};

/** Reports whether the server recorded this response for an earlier request and replays it. */
export const isReplay = (headers: Headers): boolean => headers.get('Idempotent-Replayed') === 'true';

/**
 * How long to wait after the given attempt (1 is the first): exponential backoff with full jitter, on top of what the
 * server asked for, so that callers told the same `Retry-After` don't all come back at once.
 *
 * @param random in [0, 1)
 */
export const retryDelay = (policy: RetryPolicy, attempt: number, random: number, retryAfterMs = 0): number => {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  return retryAfterMs + Math.floor(random * ceiling);
};

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3), seconds or a date, as milliseconds from now. A date is compared with the
 * response's own `Date`, and with `now` only without one. 0 if it says nothing.
 */
export const readRetryAfter = (headers: Headers, now: number): number => {
  const value = headers.get('Retry-After') ?? '';
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - (readDate(headers, 'Date') || now);
  return ms > 0 ? ms : 0;
};

/** Reads an HTTP date, in epoch milliseconds. `NaN` if there is none. */
export const readDate = (headers: Headers, name: string): number => Date.parse(headers.get(name) ?? '');

/**
 * Sends one request and reads the response to its end, because a connection may break in the middle of a body. Ends
 * after `timeoutMs`, even if `fetch` does not heed its signal.
 *
 * @returns what was read, or why there is nothing
 * @throws the signal's reason, once that aborts
 */
export const attempt = async <T>(
  runtime: Pick<Runtime, 'fetch' | 'sleep'>,
  url: string,
  init: RequestInit,
  read: (response: Response) => Promise<T>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<T | { readonly lost: unknown }> => {
  signal?.throwIfAborted();
  // Two, because a response whose request is aborted cannot be read any more.
  const waiting = new AbortController();
  const sending = new AbortController();
  const tooLate = () => {
    throw new DOMException('it took too long', 'TimeoutError');
  };
  try {
    const response = runtime.fetch(url, { ...init, signal: sending.signal }).then(read);
    return await unlessAborted(
      Promise.race([response, runtime.sleep(timeoutMs, waiting.signal).then(tooLate)]),
      signal,
    );
  } catch (lost) {
    sending.abort();
    signal?.throwIfAborted();
    return { lost };
  } finally {
    waiting.abort();
  }
};

/**
 * Decides after an attempt whether there is to be another, by the verdict on its response.
 *
 * @returns how long until then, in milliseconds; undefined if this was the last
 */
export type Again = (judgement: Partial<Judgement>) => number | undefined;

/**
 * Makes attempts for as long as they ask for another, the policy allows it and `budgetMs` are not over. Returns what the
 * last came to.
 */
export const attempts = async <T>(
  policy: RetryPolicy,
  runtime: Pick<Runtime, 'random' | 'sleep' | 'uptime'>,
  budgetMs: number,
  signal: AbortSignal | undefined,
  make: (attempt: number, timeoutMs: number, again: Again) => Promise<T>,
): Promise<T> => {
  const deadline = runtime.uptime() + Math.min(budgetMs, policy.totalTimeoutMs);
  for (let attempt = 1; ; attempt++) {
    let delay: number | undefined;
    const value = await make(
      attempt,
      Math.min(policy.attemptTimeoutMs, deadline - runtime.uptime()),
      ({ verdict, retryAfterMs }) => {
        const wait = retryDelay(policy, attempt, runtime.random(), retryAfterMs);
        delay =
          verdict === 'retry' && attempt < policy.maxAttempts && runtime.uptime() + wait < deadline ? wait : undefined;
        return delay;
      },
    );
    if (delay === undefined) {
      return value;
    }
    await runtime.sleep(delay, signal);
  }
};

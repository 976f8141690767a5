import { timer, unlessAborted } from './abort.ts';
import { isProblem, type Problem, readProblem } from './problem.ts';
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
export function retryPolicy(given: Partial<RetryPolicy> = {}): RetryPolicy {
  const policy = {
    maxAttempts: 5,
    baseDelayMs: 250,
    maxDelayMs: 5_000,
    attemptTimeoutMs: 15_000,
    totalTimeoutMs: 45_000,
    ...given,
  };
  demandPositive(policy);
  if (policy.maxAttempts % 1) {
    throw new RangeError('maxAttempts must be whole');
  }
  return policy;
}

/** @throws {RangeError} if one of these numbers is not positive */
export function demandPositive(numbers: object): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value > 0)) {
      throw new RangeError(`${name} must be positive`);
    }
  }
}

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
  readonly problem: Problem;
  readonly verdict: Verdict;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** Reads an error response that has come `now`, in epoch milliseconds, and decides about it. */
export function judge(response: ReadResponse, classify: Classify | undefined, now: number): Judgement {
  const { status, headers, body } = response;
  const problem = readProblem(status, headers.get('Content-Type'), body);
  const ruled = (): Verdict => {
    const passes =
      status === 409
        ? isProblem(problem, 'in-progress') || headers.has('Retry-After')
        : [408, 425, 429].includes(status) || (status >= 500 && status !== 501 && status !== 505);
    return passes ? 'retry' : status === 401 ? 'blocked' : 'final';
  };
  return {
    problem,
    verdict: isReplay(headers) ? 'final' : (classify?.({ ...response, problem }) ?? ruled()),
    retryAfterMs: readRetryAfter(headers, now),
  };
}

/** Reports whether the server recorded this response for an earlier request and replays it. */
export function isReplay(headers: Headers): boolean {
  return headers.get('Idempotent-Replayed') === 'true';
}

/**
 * How long to wait after the given attempt (1 is the first): exponential backoff with full jitter, on top of what the
 * server asked for, so that callers told the same `Retry-After` don't all come back at once.
 *
 * @param random in [0, 1)
 */
export function retryDelay(policy: RetryPolicy, attempt: number, random: number, retryAfterMs = 0): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  return retryAfterMs + Math.floor(random * ceiling);
}

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3), seconds or a date, as milliseconds from now. A date is compared with the
 * response's own `Date`, and with `now` only without one. Undefined if it says nothing.
 */
export function readRetryAfter(headers: Headers, now: number): number | undefined {
  const value = headers.get('Retry-After') ?? '';
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - (readDate(headers, 'Date') ?? now);
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Reads an HTTP date, in epoch milliseconds. Undefined if there is none. */
export function readDate(headers: Headers, name: string): number | undefined {
  const at = Date.parse(headers.get(name) ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/**
 * Sends one request and reads the response to its end, because a connection may break in the middle of a body. Ends
 * after `timeoutMs`, even if `fetch` does not heed its signal.
 *
 * @returns what was read, or why there is nothing
 * @throws the signal's reason, once that aborts; {@link TypeError} if there cannot be such a request
 */
export async function attempt<T>(
  { fetch, sleep }: Pick<Runtime, 'fetch' | 'sleep'>,
  url: string,
  init: RequestInit,
  read: (response: Response) => Promise<T>,
  timeoutMs: number,
  signal?: AbortSignal | null,
): Promise<T | { readonly lost: unknown }> {
  new Request(url, init); // what it throws is the caller's mistake, and no lost network
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort);
  const stop = timer({ sleep }, timeoutMs, () =>
    controller.abort(new DOMException('it took too long', 'TimeoutError')),
  );
  try {
    return await unlessAborted(fetch(url, { ...init, signal: controller.signal }).then(read), controller.signal);
  } catch (lost) {
    signal?.throwIfAborted();
    return { lost };
  } finally {
    signal?.removeEventListener('abort', abort);
    stop();
  }
}

/** What one of several attempts came to. */
export interface Round<T> {
  readonly value: T;
  /** Whether another attempt may fare better: `retry`. */
  readonly verdict?: Verdict | undefined;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Told how long until the next attempt, in milliseconds, or that there is none. */
  readonly decided?: (retryInMs?: number) => void;
}

/** Makes attempts until one is final, the policy ends them, or `budgetMs` are over. Returns what the last came to. */
export async function attempts<T>(
  policy: RetryPolicy,
  { random, sleep, uptime }: Pick<Runtime, 'random' | 'sleep' | 'uptime'>,
  budgetMs: number,
  signal: AbortSignal | null | undefined,
  round: (attempt: number, timeoutMs: number) => Promise<Round<T>>,
): Promise<T> {
  const deadline = uptime() + Math.min(budgetMs, policy.totalTimeoutMs);
  for (let attempt = 1; ; attempt++) {
    const left = deadline - uptime();
    const { value, verdict, retryAfterMs, decided } = await round(attempt, Math.min(policy.attemptTimeoutMs, left));
    const delay = retryDelay(policy, attempt, random(), retryAfterMs);
    const last = verdict !== 'retry' || attempt >= policy.maxAttempts || uptime() + delay >= deadline;
    decided?.(last ? undefined : delay);
    if (last) {
      return value;
    }
    await sleep(delay, signal ?? undefined);
  }
}

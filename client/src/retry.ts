import { isProblem, type Problem } from './problem.ts';

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

const defaults: RetryPolicy = {
  maxAttempts: 5,
  baseDelayMs: 250,
  maxDelayMs: 5_000,
  attemptTimeoutMs: 15_000,
  totalTimeoutMs: 45_000,
};

/** Fills in the defaults. @throws RangeError where a number is not positive, or `maxAttempts` not whole */
export function retryPolicy(given: Partial<RetryPolicy> = {}): RetryPolicy {
  const policy = { ...defaults, ...given };
  for (const [name, value] of Object.entries(policy)) {
    if (!(value > 0) || (name === 'maxAttempts' && !Number.isInteger(value))) {
      throw new RangeError(`retry.${name} must be a positive number, not ${value}`);
    }
  }
  return policy;
}

const retryableStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Whether the same request may fare better later. Of the conflicts only "the first one is still running" does: the
 * others (outcome unknown, the operation's own 409) are answers.
 */
export function isRetryable(problem: Problem): boolean {
  return retryableStatuses.has(problem.status) || (problem.status === 409 && isProblem(problem, 'in-progress'));
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

/** Reads `Retry-After` (RFC 9110 §10.2.3), seconds or a date, as milliseconds from now. Undefined if it says nothing. */
export function readRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) {
    return undefined;
  }
  if (/^\d+$/.test(value)) {
    return Number(value) * 1_000;
  }
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

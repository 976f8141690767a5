import { NetworkError, ProblemError, WindowPassedError } from './errors.ts';
import type { Emitter } from './events.ts';
import { type Intent, windowEnd } from './intent.ts';
import type { Platform } from './platform.ts';
import { readProblem } from './problem.ts';
import { type Answer, resultOf, type ServerResult, type ServerSource, type Trace } from './result.ts';
import { isRetryable, type RetryPolicy, readRetryAfter, retryDelay } from './retry.ts';

export interface TransportOptions {
  readonly headers: (intent: Intent) => Record<string, string>;
  readonly windowMs: number;
  readonly policy: RetryPolicy;
  readonly platform: Platform;
  readonly events: Pick<Emitter, 'emit'>;
}

export interface SendOptions {
  /** Ends the attempt in flight and all waiting; `send` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Sends intents, and knows nothing of what is stored. */
export interface Transport {
  /** @param notBefore a time that has certainly come, whatever the clock says: epoch milliseconds */
  send(intent: Intent, options?: SendOptions & { readonly notBefore?: number }): Promise<ServerResult>;
}

/** One request's fate: an answer read to its end, or the reason why there is none. */
type Attempt = Answer | { readonly lost: unknown };

export function createTransport({ headers, windowMs, policy, platform, events }: TransportOptions): Transport {
  let sent = 0;

  async function attempt(intent: Intent, timeoutMs: number, signal?: AbortSignal): Promise<Attempt> {
    const timeout = new AbortController();
    const done = new AbortController();
    platform.sleep(timeoutMs, done.signal).then(
      () => timeout.abort(new DOMException('the attempt took too long', 'TimeoutError')),
      () => {}, // it ended in time
    );
    try {
      const response = await platform.fetch(intent.url, {
        method: intent.method,
        headers: { ...headers(intent), 'Content-Type': 'application/json', 'Idempotency-Key': intent.key },
        body: intent.body,
        cache: 'no-store',
        signal: AbortSignal.any(signal ? [signal, timeout.signal] : [timeout.signal]),
      });
      // Reading belongs to the attempt: a connection may break in the middle of a body.
      const body = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, headers: response.headers, body };
    } catch (error) {
      signal?.throwIfAborted();
      return { lost: error };
    } finally {
      done.abort();
    }
  }

  async function send(
    given: Intent,
    { signal, notBefore = 0 }: SendOptions & { readonly notBefore?: number } = {},
  ): Promise<ServerResult> {
    signal?.throwIfAborted();
    // Never goes back, whatever the clock does meanwhile: the window must not open again.
    let latest = notBefore;
    const now = () => {
      latest = Math.max(latest, platform.now());
      return latest;
    };
    const startedAt = now();
    let intent: Intent = { ...given, firstSentAt: given.firstSentAt ?? startedAt };
    const trace = (attempts: number): Trace => ({ intent, attempts, latencyMs: now() - startedAt });

    const end = windowEnd(intent, windowMs);
    if (startedAt >= end) {
      throw new WindowPassedError(trace(0));
    }
    const deadline = Math.min(startedAt + policy.totalTimeoutMs, end);

    for (let attempts = 1; ; attempts++) {
      const sentAt = now();
      sent += 1;
      const about = { id: sent, key: intent.key, fingerprint: intent.fingerprint, attempt: attempts };
      events.emit({ type: 'attempt', ...about, at: sentAt });
      const outcome = await attempt(intent, Math.min(policy.attemptTimeoutMs, deadline - sentAt), signal);
      const at = now();
      const came = { type: 'answer', ...about, at, latencyMs: at - sentAt } as const;

      let failure: ProblemError | NetworkError;
      let retryAfterMs: number | undefined;
      let seen: { status: number; source: ServerSource; problem: ProblemError['problem'] } | undefined;
      if ('lost' in outcome) {
        failure = new NetworkError(trace(attempts), outcome.lost);
      } else {
        const { status, headers } = outcome;
        const source: ServerSource = headers.get('Idempotent-Replayed') === 'true' ? 'server-replay' : 'executed';
        const expiresAt = Date.parse(headers.get('Idempotency-Expires') ?? '');
        if (!Number.isNaN(expiresAt)) {
          intent = { ...intent, expiresAt };
        }
        if (status >= 200 && status < 300) {
          events.emit({ ...came, status, source });
          return resultOf(outcome, source, trace(attempts));
        }
        const problem = readProblem(status, headers.get('Content-Type'), outcome.body);
        seen = { status, source, problem };
        const refusal = new ProblemError(problem, outcome, source, trace(attempts));
        if (isFinal(refusal)) {
          events.emit({ ...came, ...seen });
          throw refusal;
        }
        failure = refusal;
        retryAfterMs = readRetryAfter(headers.get('Retry-After'), at);
      }

      const delay = retryDelay(policy, attempts, platform.random(), retryAfterMs);
      const last = attempts >= policy.maxAttempts || at + delay >= deadline;
      events.emit({ ...came, ...seen, ...(last ? {} : { retryInMs: delay }) });
      if (last) {
        throw failure;
      }
      await platform.sleep(delay, signal ?? new AbortController().signal);
      // The clock may have leapt over the end of the window: a device that was asleep.
      if (now() >= deadline) {
        throw failure;
      }
    }
  }

  return { send };
}

/** Whether asking again would only hear the same: what was recorded stays so, and not every error passes. */
export function isFinal(error: ProblemError): boolean {
  return error.source === 'server-replay' || !isRetryable(error.problem);
}

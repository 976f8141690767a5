import { NetworkError, ProblemError, WindowPassedError } from './errors.ts';
import { createIntent, type Intent, type IntentRequest } from './intent.ts';
import { browser, type Platform } from './platform.ts';
import { readProblem } from './problem.ts';
import type { Result, Source, Trace } from './result.ts';
import { isRetryable, type RetryPolicy, readRetryAfter, retryDelay, retryPolicy } from './retry.ts';

export interface ClientOptions {
  /** Whose intents these are: a user, a tenant, a session. The server must tell callers apart in the same way. */
  readonly scope: string;
  /** Headers for every attempt (credentials, say). Asked each time, so that a refreshed token is used. Default none. */
  readonly headers?: (intent: Intent) => Record<string, string>;
  /**
   * The server's window in milliseconds, counted from the first send; `Idempotency-Expires` shortens it where the
   * server has sent one. Default 24 hours.
   */
  readonly windowMs?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** Replaces parts of the browser's platform, in tests above all. */
  readonly platform?: Partial<Platform>;
}

export interface Client {
  /** Writes down what is to be done. Nothing is sent. */
  prepare(request: IntentRequest): Promise<Intent>;
  /**
   * Sends an intent: the same key and the same bytes on every attempt, and on every further call.
   *
   * @throws {ProblemError} the server answered with an error
   * @throws {NetworkError} no answer came
   * @throws {WindowPassedError} too late to be safe; nothing was sent
   */
  send(intent: Intent, options?: { signal?: AbortSignal }): Promise<Result>;
}

/** One request's fate: an answer read to its end, or the reason why there is none. */
type Attempt = { readonly response: Response; readonly body: Uint8Array<ArrayBuffer> } | { readonly lost: unknown };

/** A client for one scope. @throws RangeError where a number in the options makes no sense */
export function createClient(options: ClientOptions): Client {
  const { scope, headers = () => ({}), windowMs = 24 * 60 * 60 * 1_000 } = options;
  const platform: Platform = { ...browser, ...options.platform };
  const policy = retryPolicy(options.retry);
  if (scope === '') {
    throw new RangeError('scope must not be empty: without it callers share their answers');
  }
  if (!(windowMs > 0)) {
    throw new RangeError(`windowMs must be positive, not ${windowMs}`);
  }

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
      return { response, body: new Uint8Array(await response.arrayBuffer()) };
    } catch (error) {
      signal?.throwIfAborted();
      return { lost: error };
    } finally {
      done.abort();
    }
  }

  async function send(given: Intent, { signal }: { signal?: AbortSignal } = {}): Promise<Result> {
    if (given.scope !== scope) {
      throw new TypeError('this intent was made in another scope');
    }
    signal?.throwIfAborted();
    const startedAt = platform.now();
    const firstSentAt = given.firstSentAt ?? startedAt;
    let intent: Intent = { ...given, firstSentAt };
    const trace = (attempts: number): Trace => ({ intent, attempts, latencyMs: platform.now() - startedAt });

    const windowEnd = Math.min(firstSentAt + windowMs, given.expiresAt ?? Infinity);
    if (startedAt >= windowEnd) {
      throw new WindowPassedError(trace(0));
    }
    const deadline = Math.min(startedAt + policy.totalTimeoutMs, windowEnd);

    for (let attempts = 1; ; attempts++) {
      const timeoutMs = Math.min(policy.attemptTimeoutMs, deadline - platform.now());
      const outcome = await attempt(intent, timeoutMs, signal);

      let failure: ProblemError | NetworkError;
      let retryAfterMs: number | undefined;
      if ('lost' in outcome) {
        failure = new NetworkError(trace(attempts), outcome.lost);
      } else {
        const { response, body } = outcome;
        const source: Source = response.headers.get('Idempotent-Replayed') === 'true' ? 'server-replay' : 'executed';
        const expiresAt = Date.parse(response.headers.get('Idempotency-Expires') ?? '');
        if (!Number.isNaN(expiresAt)) {
          intent = { ...intent, expiresAt };
        }
        if (response.ok) {
          return result(response, body, source, trace(attempts));
        }
        const problem = readProblem(response.status, response.headers.get('Content-Type'), body);
        failure = new ProblemError(problem, response.headers, source, trace(attempts));
        // What was recorded stays so: asking again would only hear it again.
        if (source === 'server-replay' || !isRetryable(problem)) {
          throw failure;
        }
        retryAfterMs = readRetryAfter(response.headers.get('Retry-After'), platform.now());
      }

      const delay = retryDelay(policy, attempts, platform.random(), retryAfterMs);
      if (attempts >= policy.maxAttempts || platform.now() + delay >= deadline) {
        throw failure;
      }
      await platform.sleep(delay, signal ?? new AbortController().signal);
    }
  }

  return {
    prepare: (request) => createIntent(request, scope, platform.randomUUID()),
    send,
  };
}

function result(response: Response, body: Uint8Array<ArrayBuffer>, source: Source, trace: Trace): Result {
  const { expiresAt } = trace.intent;
  return {
    ...trace,
    source,
    status: response.status,
    headers: response.headers,
    body,
    ...(expiresAt === undefined ? {} : { expires: new Date(expiresAt) }),
    json: () => JSON.parse(new TextDecoder().decode(body)),
  };
}

import type { Clock } from './clock.ts';
import { NetworkError, ProblemError, type SendError, WindowPassedError } from './errors.ts';
import type { Emitter, ResponseEvent } from './events.ts';
import { type Intent, windowEnd } from './intent.ts';
import type { ReadResponse, ServerSource, Trace } from './response.ts';
import { resultOf, type ServerResult } from './result.ts';
import { attempt, attempts, type Classify, isReplay, judge, type RetryPolicy, type Verdict } from './retry.ts';
import type { Runtime } from './runtime.ts';

/** Returns the headers for an attempt, now or later. */
export type HeadersOf = (intent: Intent) => HeadersInit | Promise<HeadersInit>;

export interface TransportOptions {
  readonly headers?: HeadersOf;
  readonly windowMs: number;
  readonly policy: RetryPolicy;
  readonly classify?: Classify;
  readonly platform: Runtime;
  readonly clock: Clock;
  readonly events: Pick<Emitter, 'emit'>;
}

export interface SendOptions {
  /** Ends the attempt in flight and all waiting; `send` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How one send goes, besides what its caller may say. */
export interface Sending extends SendOptions {
  /** The headers of the first attempt, if they are known already. */
  readonly headers?: Headers | undefined;
  /** A time that has certainly come, whatever the clock says: epoch milliseconds. */
  readonly notBefore?: number;
  /** One attempt, and no more. */
  readonly once?: boolean | undefined;
}

/** What came of a send: a result, or an error. */
export interface Sent {
  readonly result?: ServerResult;
  readonly error?: ProblemError | NetworkError | WindowPassedError;
  /** `retry` if the same may fare better later; absent for a success, and for a window that has passed. */
  readonly verdict?: Verdict;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** Sends intents, and knows nothing of what is stored. */
export interface Transport {
  /** The headers of the next attempt. @throws what the caller's function throws; {@link TypeError} if they are none */
  headersFor(intent: Intent): Promise<Headers>;
  /** @throws what {@link headersFor} throws, {@link Classify} throws, and the signal's reason */
  send(intent: Intent, sending?: Sending): Promise<Sent>;
}

export const createTransport = (options: TransportOptions): Transport => {
  const { headers, windowMs, policy, classify, platform, clock, events } = options;
  let sent = 0;

  const headersFor = async (intent: Intent): Promise<Headers> => {
    const all = new Headers(await headers?.(intent));
    if (!all.has('Content-Type')) {
      all.set('Content-Type', 'application/json');
    }
    all.set('Idempotency-Key', intent.key);
    new Request(intent.url, { ...intent, headers: all }); // throws what fetch would
    return all;
  };

  const send = async (
    given: Intent,
    { signal, headers: prepared, notBefore = 0, once = false }: Sending = {},
  ): Promise<Sent> => {
    signal?.throwIfAborted();
    if (given.body.length === 0) {
      throw new TypeError('its bytes are no longer stored');
    }
    const startedAt = clock.uptime();
    // Not back before its start, whatever the clock does meanwhile: the window must not open again.
    const now = () => Math.max(notBefore, clock.nowFor(intent));
    let intent = given;
    intent = { ...given, firstSentAt: given.firstSentAt ?? now() };
    const trace = (made: number): Trace => ({ intent, attempts: made, latencyMs: clock.uptime() - startedAt });
    let last: Sent = { error: new WindowPassedError('its window has passed', trace(0)) };

    return attempts(
      once ? { ...policy, maxAttempts: 1 } : policy,
      platform,
      windowEnd(intent, windowMs) - now(),
      signal,
      async (number, timeoutMs, again) => {
        // The window may have passed while the device was asleep.
        if (now() >= windowEnd(intent, windowMs)) {
          return last;
        }
        const all = (number === 1 && prepared) || (await headersFor(intent));
        sent += 1;
        const { method, url, body } = intent;
        const about = { id: sent, attempt: number };
        const sentAt = clock.uptime();
        events.emit({ type: 'attempt', ...about }, intent);
        const outcome = await attempt(
          platform,
          url,
          // A redirected POST becomes a GET in browsers, and its success would be somebody else's.
          { method, headers: all, body, cache: 'no-store', redirect: 'manual' },
          read,
          timeoutMs,
          signal,
        );
        if ('lost' in outcome) {
          last = {
            error: new NetworkError('no response came', trace(number), { cause: outcome.lost }),
            verdict: 'retry',
          };
        } else {
          const { status, headers: received } = outcome;
          const source: ServerSource = isReplay(received) ? 'server-replay' : 'executed';
          const response = { ...outcome, source };
          intent = clock.learn(intent, received);
          if (status >= 200 && status < 300) {
            last = { result: resultOf(response, trace(number)) };
          } else {
            const error = new ProblemError(response, trace(number));
            last = { error, ...judge(error, classify, clock.now()) };
          }
        }
        const { status, source, problem }: Partial<ResponseEvent> = last.result ?? (last.error as SendError);
        const retryInMs = again(last);
        const latencyMs = clock.uptime() - sentAt;
        events.emit({ type: 'response', ...about, status, source, problem, latencyMs, retryInMs }, intent);
        return last;
      },
    );
  };

  return { headersFor, send };
};

const read = async (response: Response): Promise<ReadResponse> => {
  const { status, headers } = response;
  return { status, headers, body: new Uint8Array(await response.arrayBuffer()) };
};

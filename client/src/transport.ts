import type { Clock } from './clock.ts';
import { NetworkError, ProblemError, WindowPassedError } from './errors.ts';
import type { Emitter, ResponseEvent } from './events.ts';
import { type Intent, windowEnd } from './intent.ts';
import type { ReadResponse, Trace } from './response.ts';
import { resultOf, type ServerResult } from './result.ts';
import {
  attempt,
  attempts,
  type Classify,
  isReplay,
  judge,
  type RetryPolicy,
  readDate,
  type Verdict,
} from './retry.ts';
import type { Runtime } from './runtime.ts';

/** Returns the headers for an attempt, now or later. */
export type HeadersOf = (intent: Intent) => HeadersInit | Promise<HeadersInit>;

export interface TransportOptions {
  readonly headers: HeadersOf;
  readonly windowMs: number;
  readonly policy: RetryPolicy;
  readonly classify: Classify | undefined;
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

/** What came of a send that brought no success. */
export interface Failure {
  readonly error: ProblemError | NetworkError | WindowPassedError;
  /** `retry` if the same may fare better later; absent for a window that has passed. */
  readonly verdict?: Verdict | undefined;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** Sends intents, and knows nothing of what is stored. */
export interface Transport {
  /** The headers of the next attempt. @throws what the caller's function throws; {@link TypeError} if they are none */
  headersFor(intent: Intent): Promise<Headers>;
  /** @throws what {@link headersFor} throws, {@link Classify} throws, and the signal's reason */
  send(intent: Intent, sending?: Sending): Promise<ServerResult | Failure>;
}

export function createTransport(options: TransportOptions): Transport {
  const { headers, windowMs, policy, classify, platform, clock, events } = options;
  let sent = 0;

  async function headersFor(intent: Intent): Promise<Headers> {
    const all = new Headers(await headers(intent));
    if (!all.has('Content-Type')) {
      all.set('Content-Type', 'application/json');
    }
    all.set('Idempotency-Key', intent.key);
    new Request(intent.url, { method: intent.method, headers: all, body: intent.body });
    return all;
  }

  /** Takes in what a response says of time. */
  function learn(intent: Intent, received: Headers): Intent {
    const now = clock.now();
    const skew = clock.learn(intent.url, received);
    const left = (readDate(received, 'Idempotency-Expires') ?? NaN) - (now - (skew ?? 0));
    // Without a Date the device's clock decides, which may be wrong: it may only shorten the window.
    const known = left > 0 && (skew !== undefined || left <= windowMs);
    return { ...intent, skew: skew ?? intent.skew, expiresAt: known ? now + left : intent.expiresAt };
  }

  async function send(
    given: Intent,
    { signal, headers: prepared, notBefore = 0, once = false }: Sending = {},
  ): Promise<ServerResult | Failure> {
    signal?.throwIfAborted();
    if (given.body.length === 0) {
      throw new TypeError('its bytes are no longer stored');
    }
    const startedAt = clock.uptime();
    // Never goes back, whatever the clock does meanwhile: the window must not open again.
    let latest = notBefore;
    const now = () => {
      latest = Math.max(latest, clock.nowFor(intent));
      return latest;
    };
    let intent = given;
    intent = { ...given, firstSentAt: given.firstSentAt ?? now() };
    let made = 0;
    const trace = (): Trace => ({ intent, attempts: made, latencyMs: clock.uptime() - startedAt });
    let last: Failure = { error: new WindowPassedError(trace()) };

    return attempts<ServerResult | Failure>(
      { ...policy, ...(once && { maxAttempts: 1 }) },
      platform,
      windowEnd(intent, windowMs) - now(),
      signal,
      async (number, timeoutMs) => {
        // The window may have passed while the device was asleep.
        if (now() >= windowEnd(intent, windowMs)) {
          return { value: last };
        }
        const all = (number === 1 && prepared) || (await headersFor(intent));
        sent += 1;
        made = number;
        const { key, fingerprint, method, url, body } = intent;
        const about = { id: sent, key, fingerprint, attempt: number };
        const sentAt = clock.uptime();
        events.emit({ type: 'attempt', ...about });
        const outcome = await attempt(
          platform,
          url,
          // A redirected POST becomes a GET in browsers, and its success would be somebody else's.
          { method, headers: all, body, cache: 'no-store', redirect: 'manual' },
          read,
          timeoutMs,
          signal,
        );
        /** Tells of the response once it is known what follows. */
        const tell = (seen?: Partial<ResponseEvent>) => (retryInMs?: number) =>
          events.emit({ type: 'response', ...about, ...seen, latencyMs: clock.uptime() - sentAt, retryInMs });
        if ('lost' in outcome) {
          last = { error: new NetworkError(trace(), outcome.lost), verdict: 'retry' };
          return { ...last, value: last, decided: tell() };
        }
        const { status, headers: received } = outcome;
        const response = { ...outcome, source: isReplay(received) ? 'server-replay' : 'executed' } as const;
        const { source } = response;
        intent = learn(intent, received);
        if (status >= 200 && status < 300) {
          return { value: resultOf(response, trace()), decided: tell({ status, source }) };
        }
        const { problem, verdict, retryAfterMs } = judge(outcome, classify, clock.now());
        last = { error: new ProblemError(problem, response, trace()), verdict, retryAfterMs };
        return { ...last, value: last, decided: tell({ status, source, problem }) };
      },
    );
  }

  return { headersFor, send };
}

async function read(response: Response): Promise<ReadResponse> {
  const { status, headers } = response;
  return { status, headers, body: new Uint8Array(await response.arrayBuffer()) };
}

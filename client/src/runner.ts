import type { Clock } from './clock.ts';
import type { Entry, EntryName } from './entry.ts';
import { NetworkError, ProblemError, SendError, WindowPassedError } from './errors.ts';
import type { Emitter } from './events.ts';
import { type Intent, windowEnd } from './intent.ts';
import { type Change, gone, type Journal, withdrawn } from './journal.ts';
import type { Platform } from './platform.ts';
import type { Trace } from './response.ts';
import { type Outcome, type Queued, resultOf, type ServerResult, toDate } from './result.ts';
import type { RetryPolicy } from './retry.ts';
import { isUnfinished } from './state.ts';
import type { Sent, Transport } from './transport.ts';

export interface RunnerOptions {
  readonly scope: string;
  readonly windowMs: number;
  readonly policy: RetryPolicy;
  readonly platform: Pick<Platform, 'online' | 'reachable' | 'locks' | 'onQueued' | 'sleep'>;
  readonly clock: Clock;
  readonly events: Pick<Emitter, 'emit' | 'fail' | 'subscribe'>;
}

/** Brings stored intents to an outcome. Each is run by one page at a time: the one that holds its lock. */
export interface Runner {
  /**
   * Runs an intent, or joins whoever runs it.
   *
   * @param startedAt for the latency, by the clock's uptime
   * @param headers for the first attempt, if they are known
   */
  deliver(intent: Intent, startedAt: number, headers?: Headers): Promise<Outcome>;
  /** What a stored intent has come to, without sending. Undefined while it is under way. @throws {SendError} */
  outcomeOf(entry: Entry, startedAt: number): Outcome | undefined;
  /**
   * Looks again and again until there is something to return: at once, whenever an intent with this key changes, and
   * every two seconds, because a message may never come.
   */
  until<T>(key: string, look: () => Promise<T | undefined>): Promise<T>;
  /**
   * Runs an intent for the outbox if nobody else does and `wanted` still holds; waits for it if it runs in this page.
   * Failures are told by events alone.
   *
   * @param once makes one attempt, and no more
   */
  attend(intent: Intent, wanted: (entry: Entry) => boolean, once: boolean): Promise<void>;
  /** Stops sending what is under way here: the intent with this key, or everything. */
  withdraw(key?: string): void;
}

/** How often somebody who waits looks, in milliseconds. */
const glance = 2_000;

/** How an intent is run. */
interface How {
  /** Whether somebody else had it until now. */
  readonly joined?: boolean;
  /** The headers of the first attempt, if they are known. */
  readonly headers?: Headers | undefined;
  readonly once?: boolean;
}

export const createRunner = (options: RunnerOptions, journal: Journal, transport: Transport): Runner => {
  const { scope, windowMs, policy, platform, clock, events } = options;
  const { locks } = platform;
  const running = new Map<string, { readonly controller: AbortController; readonly ended: Promise<unknown> }>();

  const lockOf = ({ key }: Intent) => `idempotent-requests/run/${scope}/${key}`;

  const traceOf = (intent: Intent, startedAt: number): Trace => ({
    intent,
    attempts: 0,
    latencyMs: clock.uptime() - startedAt,
  });

  const queuedOf = ({ state, notBefore }: Partial<Entry>, trace: Trace): Queued => ({
    ...trace,
    source: 'queued',
    blocked: state === 'blocked',
    retryAt: toDate(notBefore),
  });

  const outcomeOf = (entry: Entry, startedAt: number): Outcome | undefined => {
    const { intent, state, response } = entry;
    const trace = traceOf(intent, startedAt);
    if (state === 'expired') {
      throw new WindowPassedError('its window has passed', trace);
    }
    if (state === 'queued' || state === 'blocked') {
      return queuedOf(entry, trace);
    }
    if (!response) {
      return undefined;
    }
    if (state === 'failed') {
      throw new ProblemError(response, trace);
    }
    events.emit({ type: 'cached' }, intent);
    return resultOf({ ...response, source: 'client-cache' }, trace);
  };

  /** Stores a change, unless somebody else has meanwhile brought the intent to an end. @throws if it was cleared */
  const store = async (intent: Intent, change: (entry: Entry, now: number) => Change): Promise<Entry> =>
    (await journal.update(intent, change)) ?? gone();

  /** Runs an intent whose lock is held. */
  const perform = (given: Intent, startedAt: number, how: How): Promise<Outcome> => {
    const controller = new AbortController();
    const work = async () => {
      const entry = await journal.get(given);
      // Whoever waited gets what came of it; whoever asks anew wants the rest tried again, but never what is finished.
      const known = how.joined || entry.state === 'succeeded' || entry.state === 'expired';
      return (known && outcomeOf(entry, startedAt)) || run(entry, startedAt, controller.signal, how);
    };
    const ended = work().finally(() => running.delete(given.key));
    running.set(given.key, { controller, ended });
    return ended;
  };

  /** What keeps an intent from being sent now, as a change of its entry. Undefined if nothing does. */
  const obstacle = async (entry: Entry): Promise<Change | undefined> => {
    const { intent, notBefore, updatedAt } = entry;
    if (Math.max(clock.nowFor(intent), updatedAt) >= windowEnd(intent, windowMs)) {
      return { state: 'expired' };
    }
    if (intent.after !== undefined) {
      const leader = await journal.lookUp(intent.after);
      if (leader && leader.state !== 'succeeded') {
        return { state: isUnfinished(leader.state) ? 'queued' : 'blocked' };
      }
    }
    if (isEarly(entry, clock.now())) {
      return { state: 'queued', notBefore };
    }
    // A network that swallows requests does not answer this one either.
    const answers = () =>
      Promise.race([platform.reachable(intent.url), platform.sleep(policy.attemptTimeoutMs, undefined, true)]);
    if (!platform.online() && !(await answers())) {
      platform.onQueued(scope);
      return { state: 'queued' };
    }
    return undefined;
  };

  const run = async (entry: Entry, startedAt: number, signal: AbortSignal, how: How): Promise<Outcome> => {
    const { intent } = entry;
    const hindered = await obstacle(entry);
    if (hindered) {
      return outcomeOf(await store(intent, () => hindered), startedAt) as Outcome;
    }
    let sent: Sent;
    try {
      const first = how.headers ?? (await transport.headersFor(intent));
      // Written ahead: from here on a request may have left, and any page that comes later knows since when.
      const marked = await store(intent, (before, now) => ({
        state: 'in-flight',
        intent: { ...before.intent, firstSentAt: before.intent.firstSentAt ?? now },
      }));
      if (marked.state !== 'in-flight') {
        return outcomeOf(marked, startedAt) as Outcome;
      }
      sent = await transport.send(marked.intent, {
        signal,
        headers: first,
        notBefore: marked.updatedAt,
        once: how.once,
      });
    } catch (error) {
      // Of the caller's making: told to whoever waits, and tried again later, because a request may have left.
      if (!signal.aborted) {
        await journal.update(intent, () => ({ state: 'queued' }));
      }
      throw error;
    }
    const { result, error, verdict, retryAfterMs } = sent;
    const trace = (result ?? error) as Trace;
    const change = { intent: trace.intent, attempts: entry.attempts + trace.attempts };
    if (result || verdict === 'final') {
      const { skew, expiresAt } = trace.intent;
      const { status, headers, body, source } = (result ?? error) as ServerResult | ProblemError;
      // The last word is true whether or not it can be stored: at worst it has to be asked for again.
      await journal
        .update(intent, (_, now) => ({
          ...change,
          // From when the response came, because by this device's clock the first send may have been at any time.
          intent: { ...trace.intent, expiresAt: (skew !== undefined && expiresAt) || now + windowMs },
          state: result ? 'succeeded' : 'failed',
          response: { status, headers, body, source, complete: true },
        }))
        .catch(events.fail);
      if (!result) {
        throw error;
      }
      return { ...result, latencyMs: clock.uptime() - startedAt };
    }
    const waiting = await store(intent, () => ({
      ...change,
      state: verdict === 'blocked' ? verdict : verdict ? 'queued' : 'expired',
      // At the end of the window it is due in any case, so that it is known to have expired.
      notBefore: retryAfterMs ? Math.min(clock.now() + retryAfterMs, windowEnd(trace.intent, windowMs)) : undefined,
    }));
    if (error instanceof NetworkError) {
      platform.onQueued(scope);
    }
    const outcome = outcomeOf(waiting, startedAt) as Outcome;
    return outcome.source === 'queued' ? { ...outcome, attempts: trace.attempts, cause: error } : outcome;
  };

  const until = async <T>(key: string, look: () => Promise<T | undefined>): Promise<T> => {
    let changed: AbortController;
    const unsubscribe = events.subscribe((event) => {
      // An event without a key may be about any intent.
      if (((event as Partial<EntryName>).key ?? key) === key) {
        changed.abort();
      }
    });
    try {
      for (;;) {
        // Before looking, so that what changes meanwhile is not missed.
        changed = new AbortController();
        const found = await look();
        if (found) {
          return found;
        }
        await platform.sleep(glance, changed.signal).catch(() => {});
      }
    } finally {
      unsubscribe();
    }
  };

  /** Runs the task while holding the intent's lock. Undefined if somebody else holds it. */
  const ifFree = <T>(intent: Intent, task: () => Promise<T>) =>
    locks.request(lockOf(intent), { ifAvailable: true }, async (lock) => (lock ? task() : undefined));

  return {
    outcomeOf,
    until,
    deliver: (intent, startedAt, headers) => {
      let how: How = { headers };
      return until(intent.key, async () => {
        const outcome = await ifFree(intent, () => perform(intent, startedAt, how));
        if (outcome || !how.joined) {
          how = { joined: true };
          return outcome;
        }
        const entry = await journal.get(intent);
        // Who runs it may be frozen or hang: the wait has an end.
        const patient = clock.uptime() - startedAt < policy.totalTimeoutMs;
        return outcomeOf(entry, startedAt) ?? (patient ? undefined : queuedOf({}, traceOf(intent, startedAt)));
      });
    },
    attend: async (intent, wanted, once) => {
      try {
        await (running.get(intent.key)?.ended ??
          ifFree(intent, async () => {
            const entry = await journal.get(intent);
            return wanted(entry) && perform(intent, clock.uptime(), { once });
          }));
      } catch (error) {
        // What became of the intent has been told by events.
        if (!(error instanceof SendError) && (error as Error)?.name !== 'AbortError') {
          events.fail(error);
        }
      }
    },
    withdraw: (key) => {
      for (const [one, { controller }] of running) {
        if ((key ?? one) === one) {
          controller.abort(withdrawn());
        }
      }
    },
  };
};

/** Reports whether the server asked not to be asked before, unless the clock has been set back since. */
export const isEarly = ({ notBefore = 0, updatedAt }: Pick<Entry, 'updatedAt' | 'notBefore'>, now: number): boolean =>
  now < notBefore && now >= updatedAt;

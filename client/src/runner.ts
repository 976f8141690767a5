import { timer } from './abort.ts';
import type { Clock } from './clock.ts';
import { type Entry, fromStored, toStored } from './entry.ts';
import { ProblemError, SendError, WindowPassedError } from './errors.ts';
import type { Emitter } from './events.ts';
import { type Intent, windowEnd } from './intent.ts';
import type { Change, Journal } from './journal.ts';
import type { Platform } from './platform.ts';
import type { Trace } from './response.ts';
import { type Outcome, type Queued, resultOf, type ServerResult, toDate } from './result.ts';
import type { RetryPolicy } from './retry.ts';
import { isUnfinished } from './state.ts';
import type { Transport } from './transport.ts';

export interface RunnerOptions {
  readonly scope: string;
  readonly windowMs: number;
  readonly policy: RetryPolicy;
  readonly journal: Journal;
  readonly transport: Transport;
  readonly platform: Pick<Platform, 'online' | 'reachable' | 'locks' | 'onQueued' | 'sleep'>;
  readonly clock: Clock;
  readonly events: Pick<Emitter, 'emit' | 'fail'>;
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
   * Runs an intent for the outbox if nobody else does and `wanted` still holds; waits for it if it runs in this page.
   * Failures are told by events alone.
   *
   * @param once makes one attempt, and no more
   */
  attend(intent: Intent, wanted: (entry: Entry) => boolean, once: boolean): Promise<void>;
  /** Stops sending what is under way here: the intent with this key, or everything. */
  withdraw(key?: string): void;
}

/** How an intent is run. */
interface How {
  /** Whether somebody else had it until now. */
  readonly joined?: boolean;
  /** The headers of the first attempt, if they are known. */
  readonly headers?: Headers | undefined;
  readonly once?: boolean;
}

export function createRunner(options: RunnerOptions): Runner {
  const { scope, windowMs, policy, journal, transport, platform, clock, events } = options;
  const { locks } = platform;
  const running = new Map<string, { readonly controller: AbortController; readonly ended: Promise<unknown> }>();

  const lockOf = ({ key }: Intent) => `idempotent-requests/run/${scope}/${key}`;

  const traceOf = (intent: Intent, startedAt: number, attempts = 0): Trace => ({
    intent,
    attempts,
    latencyMs: clock.uptime() - startedAt,
  });

  function queuedOf({ state, notBefore }: Partial<Entry>, trace: Trace, cause?: SendError): Queued {
    return { ...trace, source: 'queued', blocked: state === 'blocked', retryAt: toDate(notBefore), cause };
  }

  function outcomeOf(entry: Entry, startedAt: number): Outcome | undefined {
    const { intent, state, response, problem } = entry;
    const trace = traceOf(intent, startedAt);
    if (state === 'expired') {
      throw new WindowPassedError(trace);
    }
    if (state === 'queued' || state === 'blocked') {
      return queuedOf(entry, trace);
    }
    if (!response) {
      return undefined;
    }
    const stored = fromStored(response);
    if (problem) {
      throw new ProblemError(problem, { ...response, ...stored }, trace);
    }
    const { key, fingerprint } = intent;
    events.emit({ type: 'cached', key, fingerprint });
    return resultOf({ ...stored, source: 'client-cache' }, trace, response.complete);
  }

  /** Stores a change, unless somebody else has meanwhile brought the intent to an end. @throws if it was cleared */
  async function store(intent: Intent, change: (entry: Entry, now: number) => Change): Promise<Entry> {
    return (await journal.update(intent, change)) ?? gone();
  }

  /** Runs an intent whose lock is held. */
  function perform(given: Intent, startedAt: number, how: How): Promise<Outcome> {
    const controller = new AbortController();
    const work = async () => {
      const entry = (await journal.get(given)) ?? gone();
      // Whoever waited gets what came of it; whoever asks anew wants the rest tried again, but never what is finished.
      const known = how.joined || entry.state === 'succeeded' || entry.state === 'expired';
      return (known && outcomeOf(entry, startedAt)) || run(entry, startedAt, controller.signal, how);
    };
    const ended = work().finally(() => running.delete(given.key));
    running.set(given.key, { controller, ended });
    return ended;
  }

  /** What keeps an intent from being sent now, as a change of its entry. Undefined if nothing does. */
  async function obstacle({ intent, notBefore, updatedAt }: Entry): Promise<Change | undefined> {
    if (Math.max(clock.nowFor(intent), updatedAt) >= windowEnd(intent, windowMs)) {
      return { state: 'expired' };
    }
    if (intent.after !== undefined) {
      const leader = (await journal.list()).find(({ intent: { key } }) => key === intent.after);
      if (leader && leader.state !== 'succeeded') {
        return { state: isUnfinished(leader.state) ? 'queued' : 'blocked' };
      }
    }
    if (isEarly({ notBefore, updatedAt }, clock.now())) {
      return { state: 'queued', notBefore };
    }
    if (!platform.online() && !(await platform.reachable(intent.url))) {
      platform.onQueued(scope);
      return { state: 'queued' };
    }
    return undefined;
  }

  async function run(entry: Entry, startedAt: number, signal: AbortSignal, { headers, once }: How): Promise<Outcome> {
    const { intent } = entry;
    /** Leaves the intent as it is but for this change; what has become of it is the outcome. */
    const leave = async (change: Change) => outcomeOf(await store(intent, () => change), startedAt) as Outcome;
    const hindered = await obstacle(entry);
    if (hindered) {
      return leave(hindered);
    }
    let marked = entry;
    let sent: Awaited<ReturnType<Transport['send']>>;
    try {
      const first = headers ?? (await transport.headersFor(intent));
      // Written ahead: from here on a request may have left, and any page that comes later knows since when.
      marked = await store(intent, (before, now) => ({
        state: 'in-flight',
        intent: { ...before.intent, firstSentAt: before.intent.firstSentAt ?? now },
      }));
      if (marked.state !== 'in-flight') {
        return outcomeOf(marked, startedAt) as Outcome;
      }
      sent = await transport.send(marked.intent, { signal, headers: first, notBefore: marked.updatedAt, once });
    } catch (error) {
      // Of the caller's making: told to whoever waits, and tried again later, because a request may have left.
      if (!signal.aborted) {
        await journal.update(intent, () => ({ state: 'queued' }));
      }
      throw error;
    }
    const failed = 'error' in sent ? sent : undefined;
    const refusal = failed?.verdict === 'final' ? (failed.error as ProblemError) : undefined;
    const trace: Trace = failed?.error ?? (sent as ServerResult);
    const { expiresAt, skew } = trace.intent;
    const change = { intent: trace.intent, attempts: entry.attempts + trace.attempts };
    if (!failed || refusal) {
      const response = refusal ? { ...refusal, status: refusal.problem.status } : (sent as ServerResult);
      // The last word is true whether or not it can be stored: at worst it has to be asked for again.
      await journal
        .update(intent, (_, now) => ({
          ...change,
          state: refusal ? 'failed' : 'succeeded',
          problem: refusal?.problem,
          response: toStored(response),
          // From when the response came, because by this device's clock the first send may have been at any time.
          until: skew !== undefined && expiresAt !== undefined ? expiresAt : now + windowMs,
        }))
        .catch(events.fail);
      if (refusal) {
        throw refusal;
      }
      return { ...(sent as ServerResult), latencyMs: clock.uptime() - startedAt };
    }
    const { error, verdict, retryAfterMs } = failed;
    if (verdict === undefined) {
      return leave({ state: 'expired' });
    }
    const waiting = await store(intent, () => ({
      ...change,
      state: verdict === 'blocked' ? 'blocked' : 'queued',
      notBefore: retryAfterMs === undefined ? undefined : clock.now() + retryAfterMs,
    }));
    if (!(error instanceof ProblemError)) {
      platform.onQueued(scope);
    }
    return queuedOf(waiting, traceOf(trace.intent, startedAt, trace.attempts), error);
  }

  return {
    outcomeOf,
    deliver: async (intent, startedAt, headers) => {
      const first = await locks.request(lockOf(intent), { ifAvailable: true }, async (held) =>
        held ? await perform(intent, startedAt, { headers }) : undefined,
      );
      if (first) {
        return first;
      }
      // Somebody else runs it, who may be frozen or hang: the wait for a turn has an end.
      const patience = new AbortController();
      const stop = timer(platform, policy.totalTimeoutMs + 1_000, () => patience.abort());
      try {
        return await locks.request(lockOf(intent), { signal: patience.signal }, () =>
          perform(intent, startedAt, { joined: true }),
        );
      } catch (error) {
        if (!patience.signal.aborted) {
          throw error;
        }
        return queuedOf({}, traceOf(intent, startedAt));
      } finally {
        stop();
      }
    },
    attend: async (intent, wanted, once) => {
      try {
        await (running.get(intent.key)?.ended ??
          locks.request(lockOf(intent), { ifAvailable: true }, async (held) => {
            const entry = held ? await journal.get(intent) : undefined;
            return entry && wanted(entry) ? perform(intent, clock.uptime(), { once }) : undefined;
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
        if (key === undefined || one === key) {
          controller.abort(withdrawn());
        }
      }
    },
  };
}

/** Reports whether the server asked not to be asked before, unless the clock has been set back since. */
export function isEarly({ notBefore = 0, updatedAt }: Pick<Entry, 'updatedAt' | 'notBefore'>, now: number): boolean {
  return now < notBefore && now >= updatedAt;
}

/** What whoever waits for an intent that was cleared is told. */
export function withdrawn(): DOMException {
  return new DOMException('the intent was cleared', 'AbortError');
}

function gone(): never {
  throw withdrawn();
}

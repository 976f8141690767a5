import { type Clock, originOf } from './clock.ts';
import type { Entry } from './entry.ts';
import type { Emitter } from './events.ts';
import type { Intent } from './intent.ts';
import type { Journal } from './journal.ts';
import type { Platform } from './platform.ts';
import type { RetryPolicy } from './retry.ts';
import { isEarly, type Runner } from './runner.ts';
import { isUnfinished } from './state.ts';

/** How many intents of one origin are sent at once, so that those that hang hold up no other. */
const parallel = 4;

/** How long an intent waits at most for its next attempt, in milliseconds, unless the server asked for more. */
const longest = 60_000;

export interface OutboxOptions {
  readonly policy: RetryPolicy;
  readonly platform: Pick<Platform, 'onWake' | 'sleep' | 'random'>;
  readonly clock: Clock;
  readonly events: Pick<Emitter, 'fail'>;
}

/** Sends what is unfinished: at its own time each, and when something hints that it may fare better now. */
export interface Outbox {
  /** Sends at once what may be sent, blocked intents included if so told. Resolves once nothing more can be. */
  drain(blocked?: boolean): Promise<void>;
  /** From now on heeds the browser's hints, and wakes for what is stored by now as it becomes due. */
  start(): void;
  /** The opposite of {@link start}. */
  stop(): void;
  /** Tries again, with nobody waiting for it, if it is started. */
  hint(): void;
  /** Wakes in a minute if it is started: another tab has something to send, and may die. */
  watch(): void;
}

export const createOutbox = (options: OutboxOptions, journal: Journal, runner: Runner): Outbox => {
  const { policy, platform, clock, events } = options;
  let stopWaking: (() => void) | undefined;
  /** By origin, what is under way. */
  const sending = new Map<string, Set<Promise<void>>>();
  /** By key, what is under way or waits for its turn: more hints make no more of it. */
  const jobs = new Map<string, Promise<void>>();
  /** When the timer rings, by the clock's uptime; never if there is none. */
  let alarmAt = Infinity;
  let alarm = new AbortController();

  /** How long until an entry is due by itself, in milliseconds. */
  const dueIn = (entry: Entry): number => {
    const { updatedAt, notBefore, attempts, state } = entry;
    const now = clock.now();
    if (now < updatedAt) {
      return 0; // the clock was set back
    }
    if (isEarly(entry, now)) {
      return (notBefore as number) - now;
    }
    // Whoever began it may still be at it, or be dead.
    const delay =
      state === 'queued'
        ? policy.maxDelayMs * 2 ** (attempts ? Math.max(1, attempts - policy.maxAttempts + 1) : 9)
        : policy.totalTimeoutMs;
    return Math.min(delay, longest) - (now - updatedAt);
  };

  const pass = async (hintedAt: number, blocked = false): Promise<void> => {
    const tried = new Set<string>();
    const wanted = (entry: Entry) =>
      isUnfinished(entry.state) &&
      (blocked || entry.state !== 'blocked') &&
      !isEarly(entry, clock.now()) &&
      // Who has been tried since the hint has had its turn.
      (entry.updatedAt <= hintedAt || dueIn(entry) <= 0);
    for (;;) {
      const entries = await journal.list();
      const states = new Map(entries.map(({ intent, state }) => [intent.key, state]));
      const chosen = entries.filter(
        (entry) =>
          wanted(entry) &&
          !tried.has(entry.intent.key) &&
          (blocked || !jobs.has(entry.intent.key)) &&
          !isUnfinished(states.get(entry.intent.after as string) ?? 'succeeded'),
      );
      if (chosen.length === 0) {
        arm(entries);
        return;
      }
      await Promise.all(
        chosen.map(({ intent }) => {
          const job = jobs.get(intent.key) ?? attend(intent, wanted, hintedAt < 0);
          jobs.set(intent.key, job);
          tried.add(intent.key);
          return job;
        }),
      );
    }
  };

  /** Runs an intent as soon as fewer than four others of its origin are under way. */
  const attend = async (intent: Intent, wanted: (entry: Entry) => boolean, once: boolean): Promise<void> => {
    const origin = originOf(intent.url);
    const others = sending.get(origin) ?? new Set();
    sending.set(origin, others);
    while (others.size >= parallel) {
      await Promise.race(others);
    }
    const mine = runner.attend(intent, wanted, once);
    others.add(mine);
    await mine;
    others.delete(mine);
    jobs.delete(intent.key);
  };

  /** Sets the timer for what is due first. */
  const arm = (entries: readonly Entry[]): void => {
    const waiting = entries.filter(({ state }) => isUnfinished(state) && state !== 'blocked');
    if (waiting.length > 0) {
      wakeIn(Math.min(...waiting.map(dueIn)));
    }
  };

  const wakeIn = (ms: number): void => {
    // Not all tabs at the same moment, and never in a loop.
    const delay = Math.max(ms, 1_000) + platform.random() * 1_000;
    const at = clock.uptime() + delay;
    if (stopWaking && at < alarmAt) {
      alarm.abort();
      alarm = new AbortController();
      alarmAt = at;
      const ring = () => {
        alarmAt = Infinity;
        hint(-Infinity);
      };
      platform.sleep(delay, alarm.signal, true).then(ring, () => {});
    }
  };

  const failed = (error: unknown): void => {
    events.fail(error);
    wakeIn(longest);
  };

  /** Passes with nobody waiting for it, if it is started. */
  const hint = (hintedAt = clock.now()): void => {
    if (stopWaking) {
      pass(hintedAt).catch(failed);
    }
  };

  return {
    drain: (blocked) => pass(clock.now(), blocked),
    start: () => {
      stopWaking ??= platform.onWake(() => hint());
      journal.list().then(arm).catch(failed);
    },
    stop: () => {
      stopWaking?.();
      stopWaking = undefined;
      alarm.abort();
      alarmAt = Infinity;
    },
    hint: () => hint(),
    watch: () => wakeIn(longest),
  };
};

import { timer } from './abort.ts';
import { type Clock, originOf } from './clock.ts';
import type { Entry } from './entry.ts';
import type { Emitter } from './events.ts';
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
  readonly journal: Journal;
  readonly runner: Runner;
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

export function createOutbox({ policy, journal, runner, platform, clock, events }: OutboxOptions): Outbox {
  let stopWaking: (() => void) | undefined;
  /** When the timer rings, by the clock's uptime; never if there is none. */
  let alarmAt = Infinity;
  let stopAlarm = () => {};

  /** How long until an entry is due by itself, in milliseconds. */
  function dueIn({ updatedAt, notBefore, attempts, state }: Entry): number {
    const now = clock.now();
    if (now < updatedAt) {
      return 0; // the clock was set back
    }
    if (isEarly({ updatedAt, notBefore }, now)) {
      return (notBefore as number) - now;
    }
    // Whoever began it may still be at it, or be dead.
    const delay =
      state === 'queued'
        ? policy.maxDelayMs * 2 ** (attempts ? Math.max(1, attempts - policy.maxAttempts + 1) : 9)
        : policy.totalTimeoutMs;
    return Math.min(delay, longest) - (now - updatedAt);
  }

  async function pass(hintedAt: number, blocked = false): Promise<void> {
    const tried = new Set<string>();
    const wanted = (entry: Entry) =>
      isUnfinished(entry.state) &&
      (blocked || entry.state !== 'blocked') &&
      !isEarly(entry, clock.now()) &&
      // Who has been tried since the hint has had its turn.
      (entry.updatedAt <= hintedAt || dueIn(entry) <= 0);
    for (;;) {
      const entries = await journal.list();
      const state = new Map(entries.map(({ intent, state: one }) => [intent.key, one]));
      const queues = new Map<string, Entry[]>();
      for (const entry of entries) {
        const { key, after = '', url } = entry.intent;
        if (wanted(entry) && !tried.has(key) && !isUnfinished(state.get(after) ?? 'succeeded')) {
          const origin = originOf(url);
          queues.set(origin, [...(queues.get(origin) ?? []), entry]);
          tried.add(key);
        }
      }
      if (queues.size === 0) {
        arm(entries);
        return;
      }
      await Promise.all(
        [...queues.values()].flatMap((queue) =>
          Array.from({ length: parallel }, async () => {
            for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
              await runner.attend(next.intent, wanted, hintedAt < 0);
            }
          }),
        ),
      );
    }
  }

  /** Sets the timer for what is due first. */
  function arm(entries: readonly Entry[]): void {
    const waiting = entries.filter(({ state }) => isUnfinished(state) && state !== 'blocked');
    if (waiting.length > 0) {
      wakeIn(Math.min(...waiting.map(dueIn)));
    }
  }

  function wakeIn(ms: number): void {
    // Not all tabs at the same moment, and never in a loop.
    const delay = Math.max(ms, 1_000) + platform.random() * 1_000;
    const at = clock.uptime() + delay;
    if (stopWaking && at < alarmAt) {
      cancel();
      alarmAt = at;
      const ring = () => {
        alarmAt = Infinity;
        attempt(-Infinity);
      };
      stopAlarm = timer(platform, delay, ring, true);
    }
  }

  function cancel(): void {
    stopAlarm();
    alarmAt = Infinity;
  }

  /** Passes with nobody waiting for it. */
  function attempt(hintedAt: number): void {
    pass(hintedAt).catch(failed);
  }

  function failed(error: unknown): void {
    events.fail(error);
    wakeIn(longest);
  }

  const hint = () => {
    if (stopWaking) {
      attempt(clock.now());
    }
  };

  return {
    drain: (blocked) => pass(clock.now(), blocked),
    start: () => {
      stopWaking ??= platform.onWake(hint);
      journal.list().then(arm).catch(failed);
    },
    stop: () => {
      stopWaking?.();
      stopWaking = undefined;
      cancel();
    },
    hint,
    watch: () => wakeIn(longest),
  };
}

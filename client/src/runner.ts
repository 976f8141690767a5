import { type Entry, type KeptAnswer, keep, toAnswer } from './entry.ts';
import { NetworkError, ProblemError, SendError, WindowPassedError } from './errors.ts';
import type { Emitter } from './events.ts';
import { type Intent, windowEnd } from './intent.ts';
import type { Journal } from './journal.ts';
import type { Platform } from './platform.ts';
import { type Outcome, type Queued, type Result, resultOf, type Trace } from './result.ts';
import { isUnfinished } from './state.ts';
import { isFinal, type Transport } from './transport.ts';

export interface RunnerOptions {
  readonly scope: string;
  readonly windowMs: number;
  readonly journal: Journal;
  readonly transport: Transport;
  readonly platform: Pick<Platform, 'now' | 'online' | 'locks' | 'requestBackgroundSync'>;
  readonly events: Pick<Emitter, 'emit'>;
}

/** Brings stored intents to an outcome. Each is run by one page at a time: the one that holds its lock. */
export interface Runner {
  /** Runs an intent, or joins whoever runs it. @param startedAt for the latency, epoch milliseconds */
  deliver(intent: Intent, startedAt: number): Promise<Outcome>;
  /** What a stored intent has come to, without sending. Undefined while it is under way. @throws {SendError} */
  outcomeOf(entry: Entry, startedAt: number): Outcome | undefined;
  /** Sends everything unfinished that nobody is sending, oldest first, until done or the network fails. */
  drain(): Promise<void>;
  /** Stops sending what is under way here: the intent with this key, or everything. */
  withdraw(key?: string): void;
  /** Starts nothing more from the outbox. */
  close(): void;
}

export function createRunner({ scope, windowMs, journal, transport, platform, events }: RunnerOptions): Runner {
  const { locks } = platform;
  const running = new Map<string, AbortController>();
  let nextDrain: Promise<void> | undefined;
  let closed = false;

  const lockOf = ({ key }: Intent) => `idempotent-requests/run/${scope}/${key}`;

  function outcomeOf(entry: Entry, startedAt: number): Outcome | undefined {
    const { intent, state, answer, problem } = entry;
    const trace: Trace = { intent, attempts: 0, latencyMs: Math.max(0, platform.now() - startedAt) };
    switch (state) {
      case 'succeeded':
        return cached(entry, toAnswer(answer as KeptAnswer), trace);
      case 'failed': {
        const kept = answer as KeptAnswer;
        throw new ProblemError(problem as ProblemError['problem'], toAnswer(kept), kept.source, trace);
      }
      case 'expired':
        throw new WindowPassedError(trace);
      case 'queued':
        return { ...trace, source: 'queued' };
      case 'pending':
      case 'in-flight':
        return undefined;
    }
  }

  function cached({ intent: { key, fingerprint } }: Entry, answer: ReturnType<typeof toAnswer>, trace: Trace): Result {
    const at = platform.now();
    events.emit({ type: 'cached', key, fingerprint, at });
    return resultOf(answer, 'client-cache', trace);
  }

  /** Runs an intent whose lock is held. @param joined whether somebody else had it until now */
  async function perform(given: Intent, startedAt: number, joined: boolean): Promise<Outcome> {
    const controller = new AbortController();
    running.set(given.key, controller);
    try {
      const entry = (await journal.get(given)) ?? gone();
      // Whoever waited gets what came of it; whoever asks anew wants the rest tried again, but never what is finished.
      if (entry.state === 'succeeded' || entry.state === 'expired' || joined) {
        const outcome = outcomeOf(entry, startedAt);
        if (outcome !== undefined) {
          return outcome;
        }
      }
      return await run(entry, startedAt, controller.signal);
    } finally {
      running.delete(given.key);
    }
  }

  async function run(entry: Entry, startedAt: number, signal: AbortSignal): Promise<Outcome> {
    const { intent } = entry;
    const latencyMs = () => Math.max(0, platform.now() - startedAt);
    const queued = async (trace: Trace, cause?: SendError): Promise<Queued> => {
      const attempts = entry.attempts + trace.attempts;
      (await journal.update(trace.intent, () => ({ state: 'queued', intent: trace.intent, attempts }))) ?? gone();
      if (!(cause instanceof ProblemError)) {
        platform.requestBackgroundSync(scope);
      }
      return { ...trace, latencyMs: latencyMs(), source: 'queued', ...(cause && { cause }) };
    };

    if (Math.max(platform.now(), entry.updatedAt) >= windowEnd(intent, windowMs)) {
      await journal.update(intent, () => ({ state: 'expired' }));
      throw new WindowPassedError({ intent, attempts: 0, latencyMs: latencyMs() });
    }
    if (!platform.online()) {
      return queued({ intent, attempts: 0, latencyMs: 0 });
    }
    // Written ahead: from here on a request may have left, and any page that comes later knows since when.
    const marked =
      (await journal.update(intent, (before, now) => ({
        state: 'in-flight',
        intent: { ...before.intent, firstSentAt: before.intent.firstSentAt ?? now },
      }))) ?? gone();

    try {
      const result = await transport.send(marked.intent, { signal, notBefore: marked.updatedAt });
      await settle(marked, 'succeeded', result, keep(result, result.source));
      return { ...result, latencyMs: latencyMs() };
    } catch (error) {
      if (error instanceof ProblemError && isFinal(error)) {
        const answer = { status: error.problem.status, headers: error.headers, body: error.body };
        await settle(marked, 'failed', error, keep(answer, error.source), error.problem);
      } else if (error instanceof ProblemError || error instanceof NetworkError) {
        return queued(error, error);
      } else if (error instanceof WindowPassedError) {
        await journal.update(intent, () => ({ state: 'expired' }));
      }
      throw error;
    }
  }

  /** Stores the last word. It is true whether or not that works: at worst it has to be asked for again. */
  async function settle(
    entry: Entry,
    state: 'succeeded' | 'failed',
    trace: Trace,
    answer: KeptAnswer,
    problem?: ProblemError['problem'],
  ): Promise<void> {
    const { intent } = trace;
    const attempts = entry.attempts + trace.attempts;
    try {
      await journal.update(intent, () => ({ state, intent, attempts, answer, ...(problem && { problem }) }));
    } catch (error) {
      events.emit({ type: 'background-error', error, at: platform.now() });
    }
  }

  async function deliver(intent: Intent, startedAt: number): Promise<Outcome> {
    const first = await locks.request(lockOf(intent), { ifAvailable: true }, async (held) =>
      held ? await perform(intent, startedAt, false) : undefined,
    );
    return first ?? locks.request(lockOf(intent), {}, () => perform(intent, startedAt, true));
  }

  async function drainOnce(): Promise<void> {
    const waiting = (await journal.list()).filter(({ state }) => isUnfinished(state));
    for (const { intent } of waiting) {
      if (closed || !platform.online()) {
        return;
      }
      const outcome = await locks
        .request(lockOf(intent), { ifAvailable: true }, async (held) => (held ? attend(intent) : undefined))
        .catch(endured);
      // Without network the rest would fare no better. After an error of the server it may.
      if (outcome?.source === 'queued' && !(outcome.cause instanceof ProblemError)) {
        return;
      }
    }
  }

  /** Runs an intent of the outbox whose lock is held, unless it is finished by now. */
  async function attend(intent: Intent): Promise<Outcome | undefined> {
    const entry = await journal.get(intent);
    return entry !== undefined && isUnfinished(entry.state) ? perform(intent, platform.now(), false) : undefined;
  }

  /** The outbox has nobody to tell of a failed intent but the events. */
  function endured(error: unknown): undefined {
    if (!(error instanceof SendError) && !isAbort(error)) {
      events.emit({ type: 'background-error', error, at: platform.now() });
    }
    return undefined;
  }

  return {
    deliver,
    outcomeOf,
    drain: () => {
      // One pass may be under way, here or in another tab; one more behind it sees whatever has come since.
      nextDrain ??= locks.request(`idempotent-requests/outbox/${scope}`, {}, () => {
        nextDrain = undefined;
        return closed || !platform.online() ? Promise.resolve() : drainOnce();
      });
      return nextDrain;
    },
    withdraw: (key) => {
      for (const [one, controller] of running) {
        if (key === undefined || one === key) {
          controller.abort(withdrawn());
        }
      }
    },
    close: () => {
      closed = true;
    },
  };
}

/** What waits for an intent that was cleared is told. */
export function withdrawn(): DOMException {
  return new DOMException('the intent was cleared', 'AbortError');
}

function gone(): never {
  throw withdrawn();
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

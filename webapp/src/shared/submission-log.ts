import { isSettled, type Settlement, type Submission } from './submission.ts';

/** The submissions of one session: kept over reloads, and shared with the other tabs of this origin. */
export interface SubmissionLog {
  /** Newest first. The same array until something changes. */
  readonly get: () => readonly Submission[];
  /** The oldest of which that holds, also if another tab has only just added it. */
  readonly findOldest: (wanted: (submission: Submission) => boolean) => Submission | undefined;
  /** Calls back at each change, from whichever tab. Returns the unsubscriber. */
  readonly subscribe: (onChange: () => void) => () => void;
  /** Adds a submission, numbered. */
  readonly add: (submission: Omit<Submission, 'number'>) => Submission;
  /**
   * Changes members of one. What settles it is stored at once, as is all about one that outlives the page (`kept`).
   * Unknown ids are ignored: they were cleared.
   */
  readonly update: (id: string, change: (submission: Submission) => Partial<Submission>) => void;
  /** Forgets all that have ended. */
  readonly clear: () => void;
}

/** How many are kept. */
export const capacity = 200;

const storageKey = 'idempotent-requests.history';

/** A log over `localStorage`, or in memory only where the browser refuses that. It holds one session: the last. */
export function createSubmissionLog(session: string): SubmissionLog {
  const listeners = new Set<() => void>();
  // What another tab has under way comes from storage and stays there; what is under way here is known here best.
  const underWay = new Set<string>();
  let current: readonly Submission[] = [];

  function publish(next: readonly Submission[]) {
    current = next;
    for (const listener of listeners) {
      listener();
    }
  }

  function merged(): readonly Submission[] {
    const stored = read(session);
    if (stored === undefined) {
      return current;
    }
    const own = new Map(current.filter(({ id }) => underWay.has(id)).map((one) => [one.id, one]));
    const others = stored.filter(({ id }) => !own.has(id)).map(asLeft);
    return [...own.values(), ...others].sort((a, b) => b.number - a.number || b.startedAt - a.startedAt);
  }

  function keep(next: readonly Submission[]) {
    const bounded = next.slice(0, capacity);
    // A session that was left while something was under way doesn't write over its successor.
    if ((readStored().session ?? session) === session) {
      write(session, bounded);
    }
    publish(bounded);
  }

  // What was under way when the page was left has no answer here, and gets none unless the client carries it on. Where
  // another tab has it under way, that one says so.
  const left = new Set((read(session) ?? []).filter(({ settlement }) => settlement === undefined).map(({ id }) => id));
  const asLeft = (one: Submission): Submission =>
    left.has(one.id) && one.settlement === undefined
      ? {
          ...one,
          attempts: one.attempts.map((attempt) => (attempt.endedAt === undefined ? { ...attempt, ...lost } : attempt)),
          ...(one.kept ? {} : { settlement: interrupted }),
        }
      : one;
  current = (read(session) ?? []).map(asLeft);
  if (readStored().session !== session) {
    write(session, current); // from now on it is this session's
  }

  return {
    get: () => current,
    findOldest: (wanted) => merged().findLast(wanted),
    subscribe: (onChange) => {
      const onStorage = ({ key }: StorageEvent) => {
        if (key === storageKey || key === null) {
          publish(merged());
        }
      };
      listeners.add(onChange);
      window.addEventListener('storage', onStorage);
      return () => {
        listeners.delete(onChange);
        window.removeEventListener('storage', onStorage);
      };
    },
    add: (given) => {
      const all = merged();
      const submission = { ...given, number: (all[0]?.number ?? 0) + 1 };
      underWay.add(submission.id);
      keep([submission, ...all]);
      return submission;
    },
    update: (id, change) => {
      const changed = (all: readonly Submission[]) =>
        all.map((one) => (one.id === id ? { ...one, ...change(one) } : one));
      const next = changed(current.some((one) => one.id === id) ? current : merged());
      const updated = next.find((one) => one.id === id);
      if (updated === undefined || (updated.settlement === undefined && !updated.kept)) {
        publish(next);
        return;
      }
      const all = changed(merged());
      if (updated.settlement === undefined) {
        underWay.add(id);
      } else {
        underWay.delete(id);
      }
      keep(all);
    },
    clear: () => keep(current.filter((one) => !isSettled(one))),
  };
}

/** What becomes of a request whose page was left: it ends with that, and nobody hears the answer. */
const lost = { endedAt: performance.timeOrigin, verdict: 'no-answer' } as const;

const interrupted: Settlement = {
  outcome: { kind: 'unanswered', message: 'the page was left before the answer came' },
  attempts: 0,
  latencyMs: 0,
};

/** The session's stored submissions, or nothing where there are none or storage is refused. */
function read(session: string): readonly Submission[] | undefined {
  const stored = readStored();
  return stored.session === session && Array.isArray(stored.submissions)
    ? stored.submissions.filter(isSubmission)
    : undefined;
}

function readStored(): { readonly session?: unknown; readonly submissions?: unknown } {
  try {
    return JSON.parse(localStorage.getItem(storageKey) ?? '{}') ?? {};
  } catch {
    return {};
  }
}

function write(session: string, submissions: readonly Submission[]) {
  try {
    localStorage.setItem(storageKey, JSON.stringify({ session, submissions }));
  } catch {
    // Refused (a private mode, a full quota): the history then lasts as long as the page.
  }
}

function isSubmission(value: Partial<Submission> | null): value is Submission {
  return typeof value?.id === 'string' && typeof value.startedAt === 'number' && Array.isArray(value.attempts);
}

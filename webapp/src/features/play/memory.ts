import type { Lane } from '../../model/facts.ts';
import type { LaneMemory } from './lane-work.ts';

/** One lane that is played alone, and the other, as it was played before. */
export interface Only {
  readonly lane: 0 | 1;
  readonly other: Lane;
}

/** A run that is under way, as far as another load of the page needs it. */
export interface Memory {
  readonly id: string;
  readonly scenario: string;
  readonly count: number;
  /** When it began, in epoch milliseconds. */
  readonly at: number;
  /** Set if one lane alone is played: which, and what the other came to before. */
  readonly only?: Only;
  /** Whether the reload is part of it. Otherwise the page was left in the middle. */
  readonly reloading: boolean;
  readonly lanes: readonly [LaneMemory, LaneMemory];
}

const storageKey = 'idempotent-requests.run';

/** Writes the run down in this tab. */
export function rememberRun(memory: Memory): void {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(memory));
  } catch {
    // Refused (a private mode, a full quota): the run then ends with the page.
  }
}

/** What was remembered, once. */
export function recallRun(): Memory | undefined {
  try {
    const stored = sessionStorage.getItem(storageKey);
    sessionStorage.removeItem(storageKey);
    const memory = JSON.parse(stored ?? 'null') as Memory | null;
    return memory?.lanes?.length === 2 ? memory : undefined;
  } catch {
    return undefined;
  }
}

export function forgetRun(): void {
  try {
    sessionStorage.removeItem(storageKey);
  } catch {
    // It could not be remembered either.
  }
}

import type { Run } from '../../model/facts.ts';
import { decode, encode } from '../../model/link.ts';

/** The newest finished run of each scenario, by the scenario's id. */
export type Results = ReadonlyMap<string, Run>;

const storageKey = 'idempotent-requests.results';

/** Reads what was kept. What can't be read is left out. */
export async function readResults(): Promise<Results> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '{}');
    if (typeof stored !== 'object' || stored === null) {
      return new Map();
    }
    const runs = await Promise.all(
      Object.values(stored).map((text) => (typeof text === 'string' ? decode(text) : undefined)),
    );
    return new Map(runs.filter((run) => run !== undefined).map((run) => [run.scenario, run]));
  } catch {
    return new Map();
  }
}

/** Keeps the results over reloads, as far as the browser lets the page. */
export async function keepResults(results: Results): Promise<void> {
  try {
    const entries = await Promise.all([...results].map(async ([id, run]) => [id, await encode(run)] as const));
    localStorage.setItem(storageKey, JSON.stringify(Object.fromEntries(entries)));
  } catch {
    // Refused (a private mode, a full quota): they then last as long as the page.
  }
}

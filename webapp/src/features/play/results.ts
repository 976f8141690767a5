import type { Run } from '../../model/facts.ts';
import { decode, encode } from '../../model/link.ts';

/** The newest finished run of each scenario, by the scenario's id. */
export type Results = ReadonlyMap<string, Run>;

const storageKey = 'idempotent-requests.results';

/** Reads what was kept. What can't be read is left out. */
export async function readResults(): Promise<Results> {
  const runs = await Promise.all(
    Object.values(stored()).map((text) => (typeof text === 'string' ? decode(text) : undefined)),
  );
  return new Map(runs.filter((run) => run !== undefined).map((run) => [run.scenario, run]));
}

/**
 * Keeps a run over reloads, as far as the browser lets the page. Those of other scenarios stay: a second tab may have kept
 * them.
 */
export async function keepResult(run: Run): Promise<void> {
  try {
    const text = await encode(run);
    localStorage.setItem(storageKey, JSON.stringify({ ...stored(), [run.scenario]: text }));
  } catch {
    // Refused (a private mode, a full quota): it then lasts as long as the page.
  }
}

/** What is kept, by scenario; empty if nothing or nonsense is. */
function stored(): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '{}');
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

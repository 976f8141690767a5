import { createBrowserStorage, createClient } from 'idempotent-requests';
import { sha256 } from 'idempotent-requests/sha256';

/*
 * Each lane of each run has a session of its own, and with it a client of its own. A tab that is killed in the middle
 * leaves what that client has written down; the next page that opens carries it on and then forgets it.
 */

const storageKey = 'idempotent-requests.lanes';

interface Unfinished {
  readonly run: string;
  readonly session: string;
}

/** Writes down that sessions are at work, and holds a lock on them while this page lives. Returns the release. */
export function keepAlive(run: string, sessions: readonly string[]): () => void {
  write([...read(), ...sessions.map((session) => ({ run, session }))]);
  let release = () => {};
  void navigator.locks?.request(
    lockOf(run),
    () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
  );
  return () => release();
}

/** Writes down that a session has nothing left to do. */
export function releaseSession(session: string): void {
  write(read().filter((one) => one.session !== session));
}

/** Carries on what pages that are gone have left. @param except the run that this page goes on with itself */
export async function carryOn(except: string | undefined): Promise<void> {
  const all = read();
  for (const run of new Set(all.map((one) => one.run))) {
    if (run === except) {
      continue;
    }
    const lanes = all.filter((one) => one.run === run);
    const carry = () => Promise.all(lanes.map(({ session }) => finish(session))).then(() => {});
    await (navigator.locks?.request(lockOf(run), { ifAvailable: true }, async (lock) => {
      if (lock !== null) {
        await carry();
      }
    }) ?? carry());
  }
}

/** Has the browser open what the first press will need: its database, its digests. */
export async function warmUp(): Promise<void> {
  const client = createClient({ scope: 'warm-up', storage: createBrowserStorage(), platform: { sha256 } });
  await client.entries().catch(() => {});
  await client.prepare({ url: '/', body: null }).catch(() => {});
  client.close();
}

async function finish(session: string): Promise<void> {
  const client = createClient({
    scope: session,
    storage: createBrowserStorage(),
    headers: () => ({ 'Demo-Session': session }),
    platform: { sha256 },
  });
  try {
    await client.resume();
    for (;;) {
      const entries = await client.entries();
      if (entries.every(({ state }) => state !== 'pending' && state !== 'in-flight' && state !== 'queued')) {
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await client.clear();
    releaseSession(session);
  } catch (error) {
    console.warn('what an earlier page left could not be carried on:', error);
  } finally {
    client.close();
  }
}

function lockOf(run: string): string {
  return `idempotent-requests/run/${run}`;
}

function read(): readonly Unfinished[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '[]');
    return Array.isArray(stored)
      ? stored.filter((one) => typeof one?.run === 'string' && typeof one?.session === 'string').slice(-40)
      : [];
  } catch {
    return [];
  }
}

function write(lanes: readonly Unfinished[]): void {
  try {
    if (lanes.length === 0) {
      localStorage.removeItem(storageKey);
    } else {
      localStorage.setItem(storageKey, JSON.stringify(lanes));
    }
  } catch {
    // Refused: then a killed tab leaves its work to the service worker.
  }
}

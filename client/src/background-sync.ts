import type { Client } from './client.ts';

/** The part of the Background Sync API that is used; browsers that lack it have no `sync`. */
interface SyncRegistration {
  readonly sync?: { register(tag: string): Promise<void> };
}

const tagPrefix = 'idempotent-requests/outbox/';

/**
 * Asks the browser to wake the service worker once the network is back, even if no page is open then. Nothing happens
 * where the browser can't, refuses, or believes to be online already and so would wake it at once.
 */
export async function requestBackgroundSync(scope: string): Promise<void> {
  if (globalThis.navigator?.onLine !== false) {
    return;
  }
  try {
    const registration = await navigator.serviceWorker?.getRegistration();
    await (registration as SyncRegistration | undefined)?.sync?.register(tagPrefix + scope);
  } catch {
    // Refused: the outbox then waits for the next page.
  }
}

/** The scope whose outbox a `sync` event of this tag is about. Undefined where it is about something else. */
export function scopeOfSync(tag: string): string | undefined {
  return tag.startsWith(tagPrefix) ? tag.slice(tagPrefix.length) : undefined;
}

/**
 * Drains the outbox within a `sync` event; give it to `waitUntil`. Rejects where something is left over, whereupon the
 * browser tries again later.
 *
 * @param client made for this event with the scope of {@link scopeOfSync}, a storage that workers have
 * (`createIndexedDbStorage`), and the headers that the page gives
 */
export async function drainInBackground(client: Client): Promise<void> {
  try {
    await client.resume();
    const { unfinished } = await client.usage();
    if (unfinished > 0) {
      throw new Error(`${unfinished} intents are still waiting`);
    }
  } finally {
    client.close();
  }
}

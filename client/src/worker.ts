import type { Client } from './client.ts';

export { requestBackgroundSync, scopeOfSync } from './background-sync.ts';

/**
 * Drains the outbox within a `sync` event; give it to `waitUntil`. Rejects if something is left over that time or
 * network may help, whereupon the browser tries again later.
 *
 * @param client made for this event with the scope of {@link scopeOfSync}, a storage that workers have
 * (`createIndexedDbStorage`), and the headers that the page gives
 */
export const drainInBackground = async (client: Client): Promise<void> => {
  try {
    await client.resume();
    const waiting = (await client.entries()).filter(({ state }) => /^(pending|in-flight|queued)$/.test(state));
    if (waiting.length > 0) {
      throw new Error(`${waiting.length} intents are still waiting`);
    }
  } finally {
    client.close();
  }
};

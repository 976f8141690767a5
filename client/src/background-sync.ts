/** The part of the Background Sync API that is used; browsers that lack it have no `sync`. */
interface SyncRegistration {
  readonly sync?: { register(tag: string): Promise<void> };
}

const tagPrefix = 'idempotent-requests/outbox/';

/**
 * Asks the browser to keep what is stored, and to wake the service worker once the network is back, even if no page is open then. Nothing happens
 * if the browser can't, refuses, or believes to be online already and so would wake it at once.
 */
export const requestBackgroundSync = async (scope: string): Promise<void> => {
  globalThis.navigator?.storage?.persist?.().catch(() => {});
  if (globalThis.navigator?.onLine !== false) {
    return;
  }
  try {
    const registration = await navigator.serviceWorker?.getRegistration();
    await (registration as SyncRegistration | undefined)?.sync?.register(tagPrefix + scope);
  } catch {
    // Refused: the outbox then waits for the next page.
  }
};

/** Returns the scope whose outbox a `sync` event of this tag is about. Undefined if it is about something else. */
export const scopeOfSync = (tag: string): string | undefined => {
  return tag.startsWith(tagPrefix) ? tag.slice(tagPrefix.length) : undefined;
};

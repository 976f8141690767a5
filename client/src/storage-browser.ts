import { type IntentStorage, UnavailableError } from './storage.ts';
import { createIndexedDbStorage } from './storage-indexed-db.ts';
import { createMemoryStorage } from './storage-memory.ts';

/**
 * The first of several storages that is to be had here, from the first call on and for as long as this page lives.
 *
 * Only one that is unavailable is passed over. One that fails may hold what was asked for before: not to see it would
 * give an intent a second key, and so the failure is passed on.
 */
export function createFirstAvailableStorage(candidates: readonly IntentStorage[]): IntentStorage {
  let available = candidates;

  async function use<T>(action: (storage: IntentStorage) => Promise<T>): Promise<T> {
    const [storage, ...others] = available as [IntentStorage];
    try {
      const value = await action(storage);
      available = [storage];
      return value;
    } catch (error) {
      if (!(error instanceof UnavailableError && others.length)) {
        throw error;
      }
      available = others;
      return use(action);
    }
  }

  return {
    list: (scope, prefix) => use((storage) => storage.list(scope, prefix)),
    update: (scope, prefix, change) => use((storage) => storage.update(scope, prefix, change)),
    clear: (scope) => use((storage) => storage.clear(scope)),
    scopes: () => use(async (storage) => (await storage.scopes?.()) ?? []),
  };
}

/**
 * IndexedDB, or memory in a browser that refuses that. Not `localStorage`: browsers refuse the two together, and two
 * tabs that write it at the same moment do not see each other.
 */
export function createBrowserStorage(): IntentStorage {
  return createFirstAvailableStorage([createIndexedDbStorage(), createMemoryStorage()]);
}

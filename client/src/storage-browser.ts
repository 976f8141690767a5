import { type IntentStorage, UnavailableError } from './storage.ts';
import { createIndexedDbStorage } from './storage-indexed-db.ts';
import { createLocalStorage } from './storage-local.ts';
import { createMemoryStorage } from './storage-memory.ts';

/**
 * The first of several storages that is to be had here, from the first call on and for as long as this page lives.
 *
 * Only one that is unavailable is passed over. One that fails may hold what was asked for before: not to see it would
 * give an intent a second key, and so the failure is passed on.
 */
export function createFirstAvailableStorage(candidates: readonly [IntentStorage, ...IntentStorage[]]): IntentStorage {
  let available: readonly IntentStorage[] = candidates;

  async function use<T>(action: (storage: IntentStorage) => Promise<T>): Promise<T> {
    let refusal: unknown;
    for (const storage of available) {
      try {
        const value = await action(storage);
        available = [storage];
        return value;
      } catch (error) {
        if (!(error instanceof UnavailableError)) {
          throw error;
        }
        refusal = error;
      }
    }
    throw refusal;
  }

  return {
    list: (scope, prefix) => use((storage) => storage.list(scope, prefix)),
    write: (scope, id, text) => use((storage) => storage.write(scope, id, text)),
    remove: (scope, id) => use((storage) => storage.remove(scope, id)),
    clear: (scope) => use((storage) => storage.clear(scope)),
  };
}

/** The best that this browser offers: IndexedDB, else `localStorage`, else (in some private modes) memory. */
export function createBrowserStorage(): IntentStorage {
  return createFirstAvailableStorage([createIndexedDbStorage(), createLocalStorage(), createMemoryStorage()]);
}

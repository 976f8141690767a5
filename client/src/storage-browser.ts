import { type IntentStorage, UnavailableError } from './storage.ts';
import { createIndexedDbStorage } from './storage-indexed-db.ts';
import { createMemoryStorage } from './storage-memory.ts';

/**
 * IndexedDB, or memory in a browser that refuses that. Which of the two is decided at the first call, for as long as
 * this page lives. Not `localStorage`: browsers refuse the two together, and two tabs that write it at the same moment
 * do not see each other.
 *
 * Only a refusal leads to memory. A database that fails may hold what was asked for before: not to see it would give an
 * intent a second key, and so the failure is passed on.
 */
export const createBrowserStorage = (): Required<IntentStorage> => {
  const disk = createIndexedDbStorage();
  let choosing: Promise<Required<IntentStorage>> | undefined;
  const chosen = () => {
    choosing ??= disk.list('', '').then(
      () => disk,
      (error) => {
        if (error instanceof UnavailableError) {
          return createMemoryStorage();
        }
        choosing = undefined;
        throw error;
      },
    );
    return choosing;
  };
  return {
    list: async (scope, prefix) => (await chosen()).list(scope, prefix),
    update: async (scope, prefix, change) => (await chosen()).update(scope, prefix, change),
    scopes: async () => (await chosen()).scopes(),
  };
};

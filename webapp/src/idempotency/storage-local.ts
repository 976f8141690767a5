import { type IntentStorage, QuotaError, type StoredText } from './storage.ts';

/** What the items' names begin with, so that nothing else in the origin's storage is ever touched. */
const namespace = 'idempotent-requests/intents/';

/** Keeps entries in `localStorage`: quick, shared by all tabs, some five megabytes for the whole origin. */
export function createLocalStorage(storage: () => Storage = () => localStorage): IntentStorage {
  const folder = (scope: string) => `${namespace}${encodeURIComponent(scope)}/`;

  // Methods are async, so that a browser that refuses access rejects rather than throws.
  function names(start: string): string[] {
    const items = storage();
    const all = Array.from({ length: items.length }, (_, index) => items.key(index));
    return all.filter((name) => name?.startsWith(start)) as string[];
  }

  return {
    list: async (scope, prefix = '') => {
      const start = folder(scope);
      return names(start + prefix).flatMap((name): StoredText[] => {
        const text = storage().getItem(name);
        return text === null ? [] : [{ id: name.slice(start.length), text, kind: 'localStorage' }];
      });
    },
    write: async (scope, id, text) => {
      try {
        storage().setItem(folder(scope) + id, text);
      } catch (error) {
        throw isQuota(error) ? new QuotaError('localStorage is full', { cause: error }) : error;
      }
    },
    remove: async (scope, id) => storage().removeItem(folder(scope) + id),
    clear: async (scope) => {
      for (const name of names(folder(scope))) {
        storage().removeItem(name);
      }
    },
  };
}

function isQuota(error: unknown): boolean {
  return error instanceof Error && error.name === 'QuotaExceededError';
}

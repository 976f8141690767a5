import { type IntentStorage, QuotaError, type StoredText, UnavailableError } from './storage.ts';

/** What the items' names begin with, so that nothing else in the origin's storage is ever touched. */
const namespace = 'idempotent-requests/intents/';

/**
 * Keeps entries in `localStorage`: shared by all tabs, some five megabytes for the whole origin. Browsers write it to
 * the disk some seconds later, so that what was stored last may not outlive a crash of the machine; workers have none.
 */
export function createLocalStorage(open: () => Storage = () => localStorage): IntentStorage {
  const folder = (scope: string) => `${namespace}${encodeURIComponent(scope)}/`;

  function storage(): Storage {
    try {
      const items = open() as Storage | null;
      if (items !== null) {
        return items;
      }
    } catch (error) {
      throw new UnavailableError('there is no localStorage', { cause: error });
    }
    throw new UnavailableError('there is no localStorage');
  }

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

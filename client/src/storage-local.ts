import { type IntentStorage, isQuota, QuotaError, UnavailableError } from './storage.ts';

/** What the items' names begin with, so that nothing else in the origin's storage is ever touched. */
const namespace = 'idempotent-requests/intents/';

/**
 * Keeps entries in `localStorage`: shared by all tabs, some five megabytes for the whole origin. Browsers write it to
 * the disk some seconds later, so that what was stored last may not outlive a crash of the machine, and two tabs that
 * change it at the same moment may not see each other. Workers have none.
 */
export const createLocalStorage = (open: () => Storage = () => localStorage): IntentStorage => {
  const folder = (scope: string) => `${namespace}${encodeURIComponent(scope)}/`;

  function storage(): Storage {
    let items: Storage | null = null;
    try {
      items = open();
    } catch {
      // refused
    }
    if (!items) {
      throw new UnavailableError('there is no localStorage');
    }
    return items;
  }

  // Methods are async, so that a browser that refuses access rejects rather than throws.
  function names(start: string): string[] {
    const items = storage();
    return Array.from({ length: items.length }, (_, index) => items.key(index) as string).filter((name) =>
      name.startsWith(start),
    );
  }

  const list = (scope: string, prefix: string) =>
    names(folder(scope) + prefix).map((name) => ({
      id: name.slice(folder(scope).length),
      text: storage().getItem(name) ?? '',
      kind: 'localStorage' as const,
    }));

  return {
    list: async (scope, prefix) => list(scope, prefix),
    update: async (scope, prefix, change) => {
      const items = storage();
      const before: [string, string | null][] = [];
      const set = (name: string, text: string | null | undefined) =>
        text == null ? items.removeItem(name) : items.setItem(name, text);
      try {
        for (const [id, text] of change(list(scope, prefix))) {
          const name = folder(scope) + id;
          before.push([name, items.getItem(name)]);
          set(name, text);
        }
      } catch (error) {
        for (const [name, text] of before.reverse()) {
          set(name, text);
        }
        throw isQuota(error) ? new QuotaError('localStorage is full', { cause: error }) : error;
      }
    },
    scopes: async () => [
      ...new Set(
        names(namespace).map((name) => decodeURIComponent(name.slice(namespace.length).split('/')[0] as string)),
      ),
    ],
  };
};

import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { type IntentStorage, QuotaError, UnavailableError } from './storage.ts';

interface Schema extends DBSchema {
  /** Texts by scope and id. */
  intents: { key: [scope: string, id: string]; value: string };
}

/** Keeps entries in IndexedDB: on the disk once written, roomy, shared with workers. @param name the database's */
export function createIndexedDbStorage(name = 'idempotent-requests'): IntentStorage {
  let opening: Promise<IDBPDatabase<Schema>> | undefined;

  /** Opened at first use; opened again where that failed, or the browser closed it. */
  function database(): Promise<IDBPDatabase<Schema>> {
    opening ??= open().catch((error) => {
      reset();
      throw error;
    });
    return opening;
  }

  function reset(): void {
    opening = undefined;
  }

  async function open(): Promise<IDBPDatabase<Schema>> {
    try {
      if (globalThis.indexedDB === undefined) {
        throw new UnavailableError('there is no IndexedDB');
      }
      return await openDB<Schema>(name, 1, {
        upgrade: (db) => {
          db.createObjectStore('intents');
        },
        // Another tab wants to delete the database or to bring in a newer version: don't stand in its way.
        blocking: (_current, _blocked, event) => {
          reset();
          (event.target as IDBDatabase).close();
        },
        terminated: reset,
      });
    } catch (error) {
      throw isRefusal(error) ? new UnavailableError('the browser refuses IndexedDB', { cause: error }) : error;
    }
  }

  // U+FFFF sorts behind everything that an id holds.
  const range = (scope: string, prefix = '') => IDBKeyRange.bound([scope, prefix], [scope, `${prefix}\uffff`]);

  return {
    list: async (scope, prefix) => {
      const { store } = (await database()).transaction('intents');
      const [keys, texts] = await Promise.all([
        store.getAllKeys(range(scope, prefix)),
        store.getAll(range(scope, prefix)),
      ]);
      return keys.map(([, id], index) => ({ id, text: texts[index] as string, kind: 'indexedDB' }));
    },
    write: async (scope, id, text) => {
      try {
        // Strict: the write is on the disk, not only on its way there, before anything is sent.
        const change = (await database()).transaction('intents', 'readwrite', { durability: 'strict' });
        await Promise.all([change.store.put(text, [scope, id]), change.done]);
      } catch (error) {
        throw isQuota(error) ? new QuotaError('IndexedDB is full', { cause: error }) : error;
      }
    },
    remove: async (scope, id) => (await database()).delete('intents', [scope, id]),
    clear: async (scope) => (await database()).delete('intents', range(scope)),
  };
}

/** How browsers refuse: where site data is blocked, and in some private modes. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && (error.name === 'SecurityError' || error.name === 'InvalidStateError');
}

function isQuota(error: unknown): boolean {
  return error instanceof Error && error.name === 'QuotaExceededError';
}

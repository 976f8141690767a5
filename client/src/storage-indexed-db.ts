import { type IntentStorage, isQuota, QuotaError, type StoredText, UnavailableError } from './storage.ts';

const store = 'intents';

/** How long the browser may take to open the database, in milliseconds, before that counts as a failure. */
const patience = 10_000;

/** Keeps entries in IndexedDB: on the disk once written, roomy, shared with workers. @param name the database's */
export const createIndexedDbStorage = (name = 'idempotent-requests'): Required<IntentStorage> => {
  let opening: Promise<IDBDatabase> | undefined;

  /** Opened at first use; opened again if that failed, or if the connection was lost. */
  const database = (): Promise<IDBDatabase> => {
    opening ??= open(name, () => {
      opening = undefined;
    }).catch((error) => {
      opening = undefined;
      throw isRefusal(error) ? new UnavailableError('no IndexedDB', { cause: error }) : error;
    });
    return opening;
  };

  /**
   * Reads what lies in a range, and does the work with it within the same transaction. A connection may be lost without
   * an event: then it is made anew, once.
   */
  const within = async <T>(
    mode: IDBTransactionMode,
    range: () => IDBKeyRange | undefined,
    work: (found: readonly Found[], entries: IDBObjectStore) => T,
    again = true,
  ): Promise<T> => {
    const db = await database();
    let mistaken = false;
    try {
      return await new Promise<T>((resolve, reject) => {
        // Strict: the write is on the disk, not only on its way there, before anything is sent.
        const transaction = db.transaction(store, mode, { durability: 'strict' });
        const entries = transaction.objectStore(store);
        const keys = entries.getAllKeys(range()) as IDBRequest;
        const texts = entries.getAll(range()) as IDBRequest<string[]>;
        let value: T;
        transaction.oncomplete = () => resolve(value);
        transaction.onabort = () => reject(transaction.error);
        texts.onsuccess = () => {
          try {
            value = work(
              texts.result.map((text, index) => {
                const [scope, id] = keys.result[index] as Key;
                return { scope, id, text, kind: 'indexedDB' };
              }),
              entries,
            );
          } catch (error) {
            mistaken = true;
            reject(error);
            transaction.abort();
          }
        };
      });
    } catch (error) {
      if (isQuota(error)) {
        throw new QuotaError('IndexedDB is full', { cause: error });
      }
      if (mistaken || !again) {
        throw error;
      }
      opening = undefined;
      return within(mode, range, work, false);
    }
  };

  // U+FFFF sorts behind everything that an id holds.
  const range = (scope: string, prefix: string) => () => IDBKeyRange.bound([scope, prefix], [scope, `${prefix}\uffff`]);

  return {
    list: (scope, prefix) => within('readonly', range(scope, prefix), (found) => found),
    update: (scope, prefix, change) =>
      within('readwrite', range(scope, prefix), (found, entries) => {
        for (const [id, text] of change(found)) {
          text === undefined ? entries.delete([scope, id]) : entries.put(text, [scope, id]);
        }
      }),
    scopes: () =>
      within(
        'readonly',
        () => undefined,
        (found) => [...new Set(found.map(({ scope }) => scope))],
      ),
  };
};

type Key = readonly [scope: string, id: string];

interface Found extends StoredText {
  readonly scope: string;
}

/** Opens the database at whatever version it has: a newer page may have raised it. */
const open = (name: string, closed: () => void): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    const request = globalThis.indexedDB.open(name);
    setTimeout(() => reject(new Error('IndexedDB does not open')), patience);
    request.onupgradeneeded = () => request.result.createObjectStore(store);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const db = request.result;
      const close = () => {
        closed();
        db.close();
      };
      // Another tab wants to delete the database or to bring in a newer version: don't stand in its way.
      db.onversionchange = close;
      db.onclose = close;
      resolve(db);
    };
  });

/**
 * How browsers refuse: in frames of other sites and if site data is blocked, in some private modes, and by having no
 * IndexedDB. Chromium has no error of its own for the first.
 */
const isRefusal = (error: unknown): boolean =>
  /^(Security|InvalidState|Type)Error|denied permission/.test(String(error));

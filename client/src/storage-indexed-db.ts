import { type IntentStorage, isQuota, QuotaError, type StoredText, UnavailableError } from './storage.ts';

const store = 'intents';

/** How long the browser may take to open the database, in milliseconds, before that counts as a failure. */
const patience = 10_000;

/** Keeps entries in IndexedDB: on the disk once written, roomy, shared with workers. @param name the database's */
export function createIndexedDbStorage(name = 'idempotent-requests'): IntentStorage {
  let opening: Promise<IDBDatabase> | undefined;

  /** Opened at first use; opened again if that failed, or if the connection was lost. */
  function database(): Promise<IDBDatabase> {
    opening ??= open(name, () => {
      opening = undefined;
    }).catch((error) => {
      opening = undefined;
      throw isRefusal(error) ? new UnavailableError('no IndexedDB', { cause: error }) : error;
    });
    return opening;
  }

  /** Works within one transaction. A connection may be lost without an event: then it is made anew, once. */
  async function within<T>(
    mode: IDBTransactionMode,
    work: (entries: IDBObjectStore, then: (step: () => T) => void) => void,
    again = true,
  ): Promise<T> {
    const db = await database();
    let mistake: { readonly error: unknown } | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        // Strict: the write is on the disk, not only on its way there, before anything is sent.
        const transaction = db.transaction(store, mode, { durability: 'strict' });
        let value: T;
        transaction.oncomplete = () => resolve(value);
        transaction.onabort = () => reject(transaction.error);
        work(transaction.objectStore(store), (step) => {
          try {
            value = step();
          } catch (error) {
            mistake = { error };
            transaction.abort();
          }
        });
      });
    } catch (error) {
      if (isQuota(error)) {
        throw new QuotaError('IndexedDB is full', { cause: error });
      }
      if (mistake || !again) {
        throw mistake?.error ?? error;
      }
      opening = undefined;
      return within(mode, work, false);
    }
  }

  // U+FFFF sorts behind everything that an id holds.
  const range = (scope: string, prefix = '') => IDBKeyRange.bound([scope, prefix], [scope, `${prefix}\uffff`]);

  function read(
    entries: IDBObjectStore,
    scope: string,
    prefix: string,
    use: (texts: () => StoredText[]) => void,
  ): void {
    const keys = entries.getAllKeys(range(scope, prefix));
    const texts = entries.getAll(range(scope, prefix));
    texts.onsuccess = () =>
      use(() =>
        (keys.result as unknown as Key[]).map(([, id], index) => ({
          id,
          text: texts.result[index],
          kind: 'indexedDB',
        })),
      );
  }

  return {
    list: (scope, prefix) => within('readonly', (entries, then) => read(entries, scope, prefix, then)),
    update: (scope, prefix, change) =>
      within('readwrite', (entries, then) =>
        read(entries, scope, prefix, (texts) =>
          then(() => {
            for (const [id, text] of change(texts())) {
              text === undefined ? entries.delete([scope, id]) : entries.put(text, [scope, id]);
            }
          }),
        ),
      ),
    clear: (scope) => within('readwrite', (entries) => void entries.delete(range(scope))),
    scopes: () =>
      within('readonly', (entries, then) => {
        const keys = entries.getAllKeys();
        keys.onsuccess = () => then(() => [...new Set((keys.result as unknown as Key[]).map(([scope]) => scope))]);
      }),
  };
}

type Key = readonly [scope: string, id: string];

/** Opens the database at whatever version it has: a newer page may have raised it. */
function open(name: string, closed: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    if (!globalThis.indexedDB) {
      throw new UnavailableError('no IndexedDB');
    }
    const request = indexedDB.open(name);
    let timer: ReturnType<typeof setTimeout> | undefined = setTimeout(() => {
      timer = undefined;
      reject(new Error('IndexedDB does not open'));
    }, patience);
    request.onupgradeneeded = () => request.result.createObjectStore(store);
    request.onerror = () => {
      clearTimeout(timer);
      reject(request.error);
    };
    request.onsuccess = () => {
      const db = request.result;
      const close = () => {
        closed();
        db.close();
      };
      // Another tab wants to delete the database or to bring in a newer version: don't stand in its way.
      db.onversionchange = close;
      db.onclose = close;
      if (timer === undefined) {
        close();
      }
      clearTimeout(timer);
      resolve(db);
    };
  });
}

/** How browsers refuse: if site data is blocked, and in some private modes. */
function isRefusal(error: unknown): boolean {
  const { name } = error as { name?: unknown };
  return name === 'SecurityError' || name === 'InvalidStateError' || error instanceof UnavailableError;
}

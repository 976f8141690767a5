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

  /**
   * Asks within one transaction, and does the work with what comes. A connection may be lost without an event: then it
   * is made anew, once.
   */
  async function within<T>(
    mode: IDBTransactionMode,
    ask: (entries: IDBObjectStore) => readonly IDBRequest[],
    work: (answers: readonly Answer[], entries: IDBObjectStore) => T,
    again = true,
  ): Promise<T> {
    const db = await database();
    let mistake: { readonly error: unknown } | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        // Strict: the write is on the disk, not only on its way there, before anything is sent.
        const transaction = db.transaction(store, mode, { durability: 'strict' });
        const entries = transaction.objectStore(store);
        let value: T;
        transaction.oncomplete = () => resolve(value);
        transaction.onabort = () => reject(transaction.error);
        const requests = ask(entries);
        (requests.at(-1) as IDBRequest).onsuccess = () => {
          try {
            value = work(
              requests.map(({ result }) => result),
              entries,
            );
          } catch (error) {
            mistake = { error };
            transaction.abort();
          }
        };
      });
    } catch (error) {
      if (isQuota(error)) {
        throw new QuotaError('IndexedDB is full', { cause: error });
      }
      if (mistake || !again) {
        throw mistake?.error ?? error;
      }
      opening = undefined;
      return within(mode, ask, work, false);
    }
  }

  // U+FFFF sorts behind everything that an id holds.
  const range = (scope: string, prefix = '') => IDBKeyRange.bound([scope, prefix], [scope, `${prefix}\uffff`]);

  const reading = (scope: string, prefix: string) => (entries: IDBObjectStore) => [
    entries.getAllKeys(range(scope, prefix)),
    entries.getAll(range(scope, prefix)),
  ];

  const toTexts = ([keys, texts]: readonly Answer[]): StoredText[] =>
    (keys as Key[]).map(([, id], index) => ({ id, text: texts[index], kind: 'indexedDB' }));

  return {
    list: (scope, prefix) => within('readonly', reading(scope, prefix), toTexts),
    update: (scope, prefix, change) =>
      within('readwrite', reading(scope, prefix), (answers, entries) => {
        for (const [id, text] of change(toTexts(answers))) {
          text === undefined ? entries.delete([scope, id]) : entries.put(text, [scope, id]);
        }
      }),
    clear: (scope) =>
      within(
        'readwrite',
        (entries) => [entries.delete(range(scope))],
        () => {},
      ),
    scopes: () =>
      within(
        'readonly',
        (entries) => [entries.getAllKeys()],
        ([keys]) => [...new Set((keys as Key[]).map(([scope]) => scope))],
      ),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: what a request results in
type Answer = any;

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

/** How browsers refuse: if site data is blocked, in some private modes, and by having no IndexedDB. */
function isRefusal(error: unknown): boolean {
  return /^(Security|InvalidState|Unavailable)Error$/.test((error as Error).name);
}

import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type IntentStorage, QuotaError, UnavailableError } from './storage.ts';
import { createBrowserStorage } from './storage-browser.ts';
import { createIndexedDbStorage } from './storage-indexed-db.ts';
import { createLocalStorage } from './storage-local.ts';
import { createMemoryStorage } from './storage-memory.ts';
import { describeStorage } from './testing/storage.conformance.ts';

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory());
});

describeStorage('localStorage', () => createLocalStorage());
describeStorage('IndexedDB', () => createIndexedDbStorage());
describeStorage('memory', createMemoryStorage);
describeStorage('the browser storage', createBrowserStorage);
describeStorage('the browser storage without IndexedDB', () => {
  vi.stubGlobal('indexedDB', undefined);
  return createBrowserStorage();
});

describe.each([
  ['localStorage', () => createLocalStorage()],
  ['IndexedDB', () => createIndexedDbStorage()],
])('%s', (_, create) => {
  it('outlives the page, and is shared with the other tabs', async () => {
    await create().update('s', '', () => [['a', 'x']]);
    expect(await create().list('s', '')).toMatchObject([{ id: 'a', text: 'x' }]);
  });
});

describe('localStorage', () => {
  it('touches nothing that is not its own', async () => {
    localStorage.setItem('theirs', '1');
    const storage = createLocalStorage();
    await storage.update('s', '', () => [['a', 'x']]);
    await storage.update('s', '', () => [['a', undefined]]);
    expect(localStorage).toHaveLength(1);
    expect(localStorage.getItem('theirs')).toBe('1');
  });

  it('says when it is full', async () => {
    const storage = createLocalStorage(() => limitedStorage(10));
    await expect(storage.update('s', '', () => [['a', 'x'.repeat(11)]])).rejects.toThrow(QuotaError);
  });

  it('changes nothing if there is no room for all of it', async () => {
    const items = limitedStorage(10);
    const whole = createLocalStorage(() => items);
    await whole.update('s', '', () => [['a', 'old']]);
    const tooMuch = whole.update('s', '', () => [
      ['a', 'new'],
      ['b', 'x'.repeat(11)],
    ]);
    await expect(tooMuch).rejects.toThrow(QuotaError);
    expect(await whole.list('s', '')).toMatchObject([{ id: 'a', text: 'old' }]);
  });

  it('rejects rather than throws where the browser refuses access', async () => {
    const storage = createLocalStorage(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    await expect(storage.list('s', '')).rejects.toThrow(UnavailableError);
    await expect(storage.update('s', '', () => [['a', 'x']])).rejects.toThrow(UnavailableError);
  });
});

describe('IndexedDB', () => {
  it('makes way for whoever deletes the database, and is opened again after', async () => {
    const storage = createIndexedDbStorage();
    await storage.update('s', '', () => [['a', 'x']]);
    await new Promise((resolve, reject) => {
      const deletion = indexedDB.deleteDatabase('idempotent-requests');
      deletion.onsuccess = resolve;
      deletion.onerror = reject;
      deletion.onblocked = () => reject(new Error('blocked'));
    });
    expect(await storage.list('s', '')).toEqual([]);
    await storage.update('s', '', () => [['b', 'y']]);
    expect(await storage.list('s', '')).toMatchObject([{ id: 'b' }]);
  });

  it('is opened again if the connection dies without an event', async () => {
    const open = IDBFactory.prototype.open;
    const connections: IDBDatabase[] = [];
    vi.spyOn(indexedDB, 'open').mockImplementation((...given) => {
      const request = open.apply(indexedDB, given);
      request.addEventListener('success', () => connections.push(request.result));
      return request;
    });
    const storage = createIndexedDbStorage();
    await storage.update('s', '', () => [['a', 'x']]);
    connections.at(-1)?.close();
    expect(await storage.list('s', '')).toMatchObject([{ id: 'a' }]);
    connections.at(-1)?.close();
    await storage.update('s', '', () => [['b', 'y']]);
    connections.at(-1)?.close();
    expect(await storage.scopes()).toEqual(['s']);
    expect(connections).toHaveLength(4);
  });

  it('works beside a newer page that has raised the version of the database', async () => {
    const storage = createIndexedDbStorage();
    await storage.update('s', '', () => [['a', 'x']]);
    const newer = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open('idempotent-requests', 2);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    expect(await storage.list('s', '')).toMatchObject([{ id: 'a' }]);
    await storage.update('s', '', () => [['b', 'y']]);
    newer.close();
  });

  it('gives up on a browser that does not open it', async () => {
    vi.useFakeTimers();
    vi.spyOn(indexedDB, 'open').mockImplementation(() => ({}) as IDBOpenDBRequest);
    const listing = expect(createIndexedDbStorage().list('s', '')).rejects.toThrow('does not open');
    await vi.advanceTimersByTimeAsync(10_000);
    await listing;
  });

  it('tries again after it could not be opened', async () => {
    const storage = createIndexedDbStorage();
    const open = vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    await expect(storage.list('s', '')).rejects.toThrow(UnavailableError);
    expect(await storage.list('s', '')).toEqual([]);
    expect(open).toHaveBeenCalledTimes(2);
  });
});

describe('the browser storage', () => {
  const kind = async (storage: IntentStorage) => {
    await storage.update('s', '', () => [['a', 'x']]);
    return (await storage.list('s', '')).map((text) => text.kind);
  };

  it('is IndexedDB, which workers share and which is on the disk once written', async () => {
    expect(await kind(createBrowserStorage())).toEqual(['indexedDB']);
    expect(localStorage).toHaveLength(0);
  });

  it.each([
    ['has no IndexedDB', () => vi.stubGlobal('indexedDB', undefined)],
    ['has nothing of it', () => vi.stubGlobal('indexedDB', undefined).stubGlobal('IDBKeyRange', undefined)],
    ['refuses IndexedDB', () => refuseIndexedDb('SecurityError')],
    ['has none in private windows', () => refuseIndexedDb('InvalidStateError')],
  ])('is memory if the browser %s', async (_, arrange) => {
    arrange();
    expect(await kind(createBrowserStorage())).toEqual(['memory']);
  });

  it('passes a failure on rather than look elsewhere, where nothing is known of what it holds', async () => {
    refuseIndexedDb('UnknownError');
    const storage = createBrowserStorage();
    await expect(storage.list('s', '')).rejects.toThrow('denied');
    await expect(storage.update('s', '', () => [['a', 'x']])).rejects.toThrow('denied');
    expect(localStorage).toHaveLength(0);
  });

  it('stays with what it has found', async () => {
    vi.stubGlobal('indexedDB', undefined);
    const storage = createBrowserStorage();
    await storage.update('s', '', () => [['a', 'x']]);
    vi.stubGlobal('indexedDB', new IDBFactory());
    expect(await storage.list('s', '')).toMatchObject([{ id: 'a', kind: 'memory' }]);
  });
});

function refuseIndexedDb(name: string): void {
  vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw new DOMException('denied', name);
  });
}

/** A `localStorage` with room for so many characters of text. */
function limitedStorage(capacity: number): Storage {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => {
      const others = [...items].reduce((sum, [one, text]) => sum + (one === name ? 0 : text.length), 0);
      if (others + value.length > capacity) {
        throw new DOMException('full', 'QuotaExceededError');
      }
      items.set(name, value);
    },
    removeItem: (name) => items.delete(name),
    clear: () => items.clear(),
  };
}

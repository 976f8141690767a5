import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { describeStorage } from './storage.conformance.ts';
import { type IntentStorage, QuotaError } from './storage.ts';
import { createIndexedDbStorage } from './storage-indexed-db.ts';
import { createLocalStorage } from './storage-local.ts';
import { createMemoryStorage } from './storage-memory.ts';
import { createBrowserStorage, createTieredStorage } from './storage-tiered.ts';

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory());
});

describeStorage('localStorage', () => createLocalStorage());
describeStorage('IndexedDB', () => createIndexedDbStorage());
describeStorage('memory', createMemoryStorage);
describeStorage('the browser storage', createBrowserStorage);
describeStorage('tiers of which the first takes little', () =>
  createTieredStorage([{ storage: createLocalStorage(), maxLength: 3 }, { storage: createMemoryStorage() }]),
);
describeStorage('tiers of which the first fails', () =>
  createTieredStorage([{ storage: broken() }, { storage: createMemoryStorage() }]),
);

describe.each([
  ['localStorage', () => createLocalStorage()],
  ['IndexedDB', () => createIndexedDbStorage()],
])('%s', (_, create) => {
  it('outlives the page, and is shared with the other tabs', async () => {
    await create().write('s', 'a', 'x');
    expect(await create().list('s')).toMatchObject([{ id: 'a', text: 'x' }]);
  });
});

describe('localStorage', () => {
  it('touches nothing that is not its own', async () => {
    localStorage.setItem('theirs', '1');
    const storage = createLocalStorage();
    await storage.write('s', 'a', 'x');
    await storage.clear('s');
    expect(localStorage).toHaveLength(1);
    expect(localStorage.getItem('theirs')).toBe('1');
  });

  it('says when it is full', async () => {
    const storage = createLocalStorage(() => limitedStorage(10));
    await expect(storage.write('s', 'a', 'x'.repeat(11))).rejects.toThrow(QuotaError);
  });

  it('rejects rather than throws where the browser refuses access', async () => {
    const storage = createLocalStorage(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    await expect(storage.list('s')).rejects.toThrow('denied');
    await expect(storage.write('s', 'a', 'x')).rejects.toThrow('denied');
    await expect(storage.remove('s', 'a')).rejects.toThrow('denied');
    await expect(storage.clear('s')).rejects.toThrow('denied');
  });
});

describe('IndexedDB', () => {
  it('makes way for whoever deletes the database, and is opened again after', async () => {
    const storage = createIndexedDbStorage();
    await storage.write('s', 'a', 'x');
    await new Promise((resolve, reject) => {
      const deletion = indexedDB.deleteDatabase('idempotent-requests');
      deletion.onsuccess = resolve;
      deletion.onerror = reject;
      deletion.onblocked = () => reject(new Error('blocked'));
    });
    expect(await storage.list('s')).toEqual([]);
    await storage.write('s', 'b', 'y');
    expect(await storage.list('s')).toMatchObject([{ id: 'b' }]);
  });

  it('tries again after it could not be opened', async () => {
    const storage = createIndexedDbStorage();
    const open = vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    await expect(storage.list('s')).rejects.toThrow('denied');
    expect(await storage.list('s')).toEqual([]);
    expect(open).toHaveBeenCalledTimes(2);
  });
});

describe('tiers', () => {
  const kinds = async (storage: IntentStorage) =>
    Object.fromEntries((await storage.list('s')).map(({ id, kind }) => [id, kind]));

  it('keep small texts in localStorage and large ones in IndexedDB', async () => {
    const storage = createBrowserStorage();
    await storage.write('s', 'small', 'x');
    await storage.write('s', 'large', 'x'.repeat(40_000));
    expect(await kinds(storage)).toEqual({ small: 'localStorage', large: 'indexedDB' });
  });

  it('move a text that has grown, and leave it there', async () => {
    const storage = createBrowserStorage();
    await storage.write('s', 'a', 'x');
    await storage.write('s', 'a', 'x'.repeat(40_000));
    expect(await kinds(storage)).toEqual({ a: 'indexedDB' });
    expect(localStorage).toHaveLength(0);
    await storage.write('s', 'a', 'y');
    expect(await storage.list('s')).toEqual([{ id: 'a', text: 'y', kind: 'indexedDB' }]);
  });

  it('go on to the next where the quota runs out', async () => {
    const local = limitedStorage(100);
    const storage = createTieredStorage([
      { storage: createLocalStorage(() => local) },
      { storage: createIndexedDbStorage() },
    ]);
    await storage.write('s', 'a', 'x'.repeat(40));
    await storage.write('s', 'b', 'x'.repeat(80));
    expect(await kinds(storage)).toEqual({ a: 'localStorage', b: 'indexedDB' });
  });

  it('believe the later tier where a crash has left a text in two', async () => {
    const [first, second] = [createMemoryStorage(), createMemoryStorage()];
    await first.write('s', 'a', 'in-flight');
    await second.write('s', 'a', 'succeeded');
    const storage = createTieredStorage([{ storage: first }, { storage: second }]);
    expect(await storage.list('s')).toMatchObject([{ text: 'succeeded' }]);
    await storage.write('s', 'a', 'used');
    expect(await first.list('s')).toEqual([]);
    expect(await second.list('s')).toMatchObject([{ text: 'used' }]);
  });

  it('write to the later tier before they remove from the earlier', async () => {
    const [first, second] = [createMemoryStorage(), createMemoryStorage()];
    const storage = createTieredStorage([{ storage: first, maxLength: 3 }, { storage: second }]);
    await storage.write('s', 'a', 'old');
    vi.spyOn(second, 'write').mockRejectedValue(new QuotaError('full'));
    await expect(storage.write('s', 'a', 'longer')).rejects.toThrow(QuotaError);
    expect(await storage.list('s')).toMatchObject([{ text: 'old' }]);
  });

  it('fail where all of them do', async () => {
    const storage = createTieredStorage([{ storage: broken() }, { storage: broken() }]);
    await expect(storage.list('s')).rejects.toThrow('broken');
    await expect(storage.write('s', 'a', 'x')).rejects.toThrow('broken');
    await expect(storage.clear('s')).rejects.toThrow('broken');
  });
});

function broken(): IntentStorage {
  const fail = () => Promise.reject(new Error('broken'));
  return { list: fail, write: fail, remove: fail, clear: fail };
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

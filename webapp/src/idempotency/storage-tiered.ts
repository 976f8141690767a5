import { type IntentStorage, QuotaError, type StoredText } from './storage.ts';
import { createIndexedDbStorage } from './storage-indexed-db.ts';
import { createLocalStorage } from './storage-local.ts';
import { createMemoryStorage } from './storage-memory.ts';

/** One of several storages, tried in order. */
export interface Tier {
  readonly storage: IntentStorage;
  /** Longer texts are left to the next tier. Default: none is too long. */
  readonly maxLength?: number;
}

/**
 * Several storages as one: each text goes to the first tier that takes it.
 *
 * A text only ever moves to a later tier, and is written there before it is removed from the earlier ones: a crash in
 * between leaves two, of which the later tier's is the newer. A tier that fails is passed over; if all do, so does this.
 */
export function createTieredStorage(tiers: readonly Tier[]): IntentStorage {
  /** Does it everywhere. Fails only where it succeeds nowhere. */
  async function everywhere<T>(action: (storage: IntentStorage) => Promise<T>): Promise<T[]> {
    const outcomes = await Promise.allSettled(tiers.map(({ storage }) => action(storage)));
    const done = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    if (done.length === 0) {
      throw (outcomes[0] as PromiseRejectedResult).reason;
    }
    return done.map(({ value }) => value);
  }

  async function list(scope: string, prefix?: string): Promise<readonly StoredText[]> {
    const found = await everywhere((storage) => storage.list(scope, prefix));
    return [...new Map(found.flat().map((text) => [text.id, text])).values()];
  }

  return {
    list,
    write: async (scope, id, text) => {
      const holders = await Promise.all(tiers.map(({ storage }) => holds(storage, scope, id)));
      const start = Math.max(0, holders.lastIndexOf(true));
      let failure: unknown = new QuotaError('no storage takes a text of this size');
      for (const [index, { storage, maxLength = Infinity }] of tiers.entries()) {
        if (index < start || text.length > maxLength) {
          continue;
        }
        try {
          await storage.write(scope, id, text);
        } catch (error) {
          failure = error;
          continue;
        }
        await Promise.all(
          tiers.slice(0, index).map((earlier, i) => (holders[i] ? earlier.storage.remove(scope, id) : undefined)),
        );
        return;
      }
      throw failure;
    },
    remove: async (scope, id) => {
      await everywhere((storage) => storage.remove(scope, id));
    },
    clear: async (scope) => {
      await everywhere((storage) => storage.clear(scope));
    },
  };
}

/** Texts up to this length, in UTF-16 code units, go to `localStorage`, of which the whole origin has some 5 million. */
const smallLength = 32_768;

/** The best that this browser offers: `localStorage`, IndexedDB for what is large or finds no room there, else memory. */
export function createBrowserStorage(): IntentStorage {
  return createTieredStorage([
    { storage: createLocalStorage(), maxLength: smallLength },
    { storage: createIndexedDbStorage() },
    { storage: createMemoryStorage() },
  ]);
}

async function holds(storage: IntentStorage, scope: string, id: string): Promise<boolean> {
  try {
    return (await storage.list(scope, id)).some((text) => text.id === id);
  } catch {
    return false; // it can't be read, and so neither be asked to remove anything
  }
}

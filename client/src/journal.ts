import { decodeEntry, type Entry, encodeEntry, entryId, FormatError, type StoredEntry } from './entry.ts';
import type { ClientEvent, ForgottenEvent } from './events.ts';
import { type Intent, sha256, windowEnd } from './intent.ts';
import type { Platform } from './platform.ts';
import { isUnfinished, mayFollow, type State } from './state.ts';
import { type IntentStorage, QuotaError, type StoredText } from './storage.ts';

/** How much is kept. An unfinished or expired intent is kept all the same. */
export interface Limits {
  /** Default 200. */
  readonly entries: number;
  /** Default 2,000,000. */
  readonly bytes: number;
}

export interface JournalOptions {
  readonly scope: string;
  readonly windowMs: number;
  readonly limits: Limits;
  readonly storage: IntentStorage;
  readonly platform: Pick<Platform, 'now' | 'locks'>;
  /** Told what changed here, once it has been stored. */
  readonly emit: (event: ClientEvent) => void;
}

/** What an update may change of an entry. */
export type Change = Partial<Pick<Entry, 'intent' | 'attempts' | 'answer' | 'problem'>> & {
  readonly state: Entry['state'];
};

/** The entries of one scope. Every change is made under one lock, which all tabs share. */
export interface Journal {
  /** The entry of this very intent, else the newest that asks for the same. */
  find(intent: Pick<Intent, 'fingerprint' | 'key'>): Promise<Entry | undefined>;
  /** The entry of this very intent. */
  get(intent: Pick<Intent, 'fingerprint' | 'key'>): Promise<Entry | undefined>;
  /** All of them, oldest first. */
  list(): Promise<readonly StoredEntry[]>;
  /** What {@link find} finds, else writes the draft down as `pending`. */
  admit(draft: Intent): Promise<Entry>;
  /** Writes the draft down though the same may have been asked before; what expired of that is thereby settled. */
  admitAsNew(draft: Intent): Promise<Entry>;
  /** Stores a change. Undefined where the entry has gone: an intent that was cleared does not come back. */
  update(intent: Intent, change: (entry: Entry, now: number) => Change): Promise<Entry | undefined>;
  /** Notes that an answer was used. */
  touch(entry: Entry): Promise<void>;
  /** Forgets the intent with this key, or everything. */
  clear(key?: string): Promise<void>;
}

/** @throws RangeError where a limit is not positive */
export function createJournal({ scope, windowMs, limits, storage, platform, emit }: JournalOptions): Journal {
  for (const [name, value] of Object.entries(limits)) {
    if (!(value > 0)) {
      throw new RangeError(`limits.${name} must be positive, not ${value}`);
    }
  }
  // Names in a storage are read by whoever looks at it: they don't say who somebody is.
  let digest: Promise<string> | undefined;
  const folder = () => {
    digest ??= sha256(scope);
    return digest;
  };

  const locked = <T>(task: () => Promise<T>): Promise<T> =>
    platform.locks.request(`idempotent-requests/journal/${scope}`, {}, task);

  const forgotten = (reason: ForgottenEvent['reason'], key?: string) =>
    emit({ type: 'forgotten', ...(key === undefined ? {} : { key }), reason, at: platform.now(), remote: false });

  /** Whether the answer may still be given, which ends with the server's memory of it. */
  const isCurrent = ({ state, intent }: Entry) =>
    isUnfinished(state) || state === 'expired' || platform.now() < windowEnd(intent, windowMs);

  async function decode({ id, text, kind }: StoredText): Promise<StoredEntry[]> {
    try {
      const entry = decodeEntry(text, id, scope);
      return [{ ...entry, bytes: sizeOf(id) + sizeOf(text), storage: kind }];
    } catch (error) {
      if (!(error instanceof FormatError)) {
        throw error;
      }
      if (!error.newer) {
        await storage.remove(await folder(), id);
      }
      emit({ type: 'corrupt', id, reason: error.message, dropped: !error.newer, at: platform.now() });
      return [];
    }
  }

  /** Everything stored under a prefix, current or not, oldest first. */
  async function read(prefix?: string): Promise<StoredEntry[]> {
    const texts = await storage.list(await folder(), prefix);
    const entries = await Promise.all(texts.map(decode));
    return entries.flat().sort((a, b) => a.createdAt - b.createdAt || (a.intent.key < b.intent.key ? -1 : 1));
  }

  async function forget(entry: Entry, reason: ForgottenEvent['reason']): Promise<void> {
    await storage.remove(await folder(), entryId(entry.intent));
    forgotten(reason, entry.intent.key);
  }

  /** Removes what is past its window, then the least recently used of what may go, until the rest is within limits. */
  async function trim(spared: Entry): Promise<void> {
    const all = await read();
    const past = all.filter((entry) => !isCurrent(entry));
    for (const entry of past) {
      await forget(entry, 'past-window');
    }
    const rest = all.filter((entry) => !past.includes(entry));
    let count = rest.length;
    let bytes = rest.reduce((sum, entry) => sum + entry.bytes, 0);
    for (const entry of evictable(rest, spared)) {
      if (count <= limits.entries && bytes <= limits.bytes) {
        return;
      }
      await forget(entry, 'evicted');
      count -= 1;
      bytes -= entry.bytes;
    }
  }

  /** Writes an entry, making room for it where there is none. */
  async function write(entry: Entry): Promise<void> {
    const id = entryId(entry.intent);
    const text = encodeEntry(entry);
    for (let candidates: readonly Entry[] | undefined; ; ) {
      try {
        await storage.write(await folder(), id, text);
        return;
      } catch (error) {
        if (!(error instanceof QuotaError)) {
          throw error;
        }
        candidates ??= evictable(await read(), entry);
        const [oldest, ...others] = candidates;
        if (oldest === undefined) {
          throw error;
        }
        candidates = others;
        await forget(oldest, 'evicted');
      }
    }
  }

  function changed({ intent: { key, fingerprint }, state, updatedAt }: Entry, previous: State): void {
    emit({ type: 'state', key, fingerprint, state, previous, at: updatedAt, remote: false });
  }

  async function add(draft: Intent, siblings: readonly Entry[]): Promise<Entry> {
    const now = platform.now();
    // Later than all that ask for the same, even where the clock has gone back: the newest counts.
    const createdAt = Math.max(now, ...siblings.map((entry) => entry.createdAt + 1));
    const entry: Entry = { intent: draft, state: 'pending', createdAt, updatedAt: now, usedAt: now, attempts: 0 };
    await write(entry);
    await trim(entry);
    changed(entry, 'draft');
    return entry;
  }

  async function find({ fingerprint, key }: Pick<Intent, 'fingerprint' | 'key'>): Promise<Entry | undefined> {
    const current = (await read(`${fingerprint}.`)).filter(isCurrent);
    return current.find(({ intent }) => intent.key === key) ?? current.at(-1);
  }

  async function get(intent: Pick<Intent, 'fingerprint' | 'key'>): Promise<Entry | undefined> {
    return (await read(entryId(intent)))[0];
  }

  return {
    find,
    get,
    list: async () => (await read()).filter(isCurrent),
    admit: (draft) => locked(async () => (await find(draft)) ?? add(draft, [])),
    admitAsNew: (draft) =>
      locked(async () => {
        const siblings = await read(`${draft.fingerprint}.`);
        const own = siblings.find(({ intent }) => intent.key === draft.key);
        if (own !== undefined) {
          return own; // the same intent, submitted twice
        }
        const entry = await add(draft, siblings);
        for (const expired of siblings.filter(({ state }) => state === 'expired')) {
          await forget(expired, 'cleared');
        }
        return entry;
      }),
    update: (intent, change) =>
      locked(async () => {
        const before = await get(intent);
        if (before === undefined) {
          return undefined;
        }
        // Never earlier than what was seen before: a clock that is set back does not make a window longer.
        const now = Math.max(platform.now(), before.updatedAt);
        const { intent: known, createdAt, usedAt, attempts } = before;
        const after: Entry = {
          intent: known,
          createdAt,
          attempts,
          ...change(before, now),
          updatedAt: now,
          usedAt: Math.max(now, usedAt),
        };
        if (!mayFollow(before.state, after.state)) {
          throw new Error(`an intent that is ${before.state} cannot become ${after.state}`);
        }
        await write(after);
        if (after.answer !== undefined) {
          await trim(after);
        }
        changed(after, before.state);
        return after;
      }),
    touch: ({ intent }) =>
      locked(async () => {
        const entry = await get(intent);
        if (entry?.answer !== undefined) {
          await write({ ...entry, usedAt: Math.max(platform.now(), entry.usedAt) });
        }
      }),
    clear: (key) =>
      locked(async () => {
        if (key === undefined) {
          await storage.clear(await folder());
          forgotten('cleared');
          return;
        }
        for (const entry of await read()) {
          if (entry.intent.key === key) {
            await forget(entry, 'cleared');
          }
        }
      }),
  };
}

/** What may be forgotten to make room, least recently used first: answered intents, never one that waits for anything. */
function evictable<E extends Entry>(entries: readonly E[], spared: Entry): readonly E[] {
  return entries
    .filter(({ state, intent }) => (state === 'succeeded' || state === 'failed') && intent.key !== spared.intent.key)
    .sort((a, b) => a.usedAt - b.usedAt);
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

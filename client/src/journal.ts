import type { Clock } from './clock.ts';
import {
  decodeEntry,
  type Entry,
  encodeEntry,
  entryId,
  FormatError,
  isRefused,
  readId,
  type StoredEntry,
  shifted,
  tombstone,
} from './entry.ts';
import { UnreadableError } from './errors.ts';
import type { Emitter, ForgottenEvent } from './events.ts';
import { type Intent, windowEnd } from './intent.ts';
import type { Runtime } from './runtime.ts';
import { isUnfinished, mayFollow, type State } from './state.ts';
import { type IntentStorage, QuotaError, type StoredText, type Write } from './storage.ts';

/** How much is stored. Above it the oldest responses go; that their intents are done stays known. */
export interface Limits {
  /** Responses. Default 200. */
  readonly entries: number;
  /** Bytes in all. A response above it is not stored. Default 2,000,000. */
  readonly bytes: number;
}

export interface JournalOptions {
  readonly scope: string;
  readonly windowMs: number;
  readonly dedupeFor: number;
  readonly limits: Limits;
  readonly storage: IntentStorage;
  readonly clock: Clock;
  readonly platform: Pick<Runtime, 'sha256'>;
  /** Told what changed here, once it has been stored. */
  readonly events: Pick<Emitter, 'emit' | 'fail'>;
}

/** What an update may change of an entry. */
export type Change = Partial<Pick<Entry, 'intent' | 'attempts' | 'notBefore' | 'until' | 'response' | 'problem'>> & {
  readonly state: Entry['state'];
};

type Name = Pick<Intent, 'fingerprint' | 'key'>;

/** The entries of one scope. Every change is one transaction of the storage. */
export interface Journal {
  /** Returns the entry that answers for the draft: its own, else the newest that asks for the same. */
  find(draft: Intent): Promise<Entry | undefined>;
  /** Returns the entry of this very intent. @throws {UnreadableError} */
  get(intent: Intent): Promise<Entry | undefined>;
  /** Returns all that can be read, oldest first. */
  list(): Promise<readonly StoredEntry[]>;
  /**
   * Returns what {@link find} finds, else writes the draft down as `pending`. `asNew` writes it down though the same was
   * asked before, unless it is the draft's own; what expired or is damaged of that is thereby settled.
   *
   * @throws {UnreadableError} if what cannot be read may be the same intent
   */
  admit(draft: Intent, asNew: boolean): Promise<Entry>;
  /**
   * Stores a change, and returns the entry as it is then: unchanged if somebody else brought it to a state that the
   * change may not follow. Undefined if it has gone: an intent that was cleared does not come back.
   */
  update(intent: Intent, change: (entry: Entry, now: number) => Change): Promise<Entry | undefined>;
  /** Forgets the intent with this key and all that were to follow it, or everything. */
  clear(key?: string): Promise<void>;
}

const minute = 60_000;
const hour = 60 * minute;

/** The id under which a scope notes when it was last in use. It has no dot, and so is no entry's. */
const seenId = 'seen';

export function createJournal(options: JournalOptions): Journal {
  const { scope, windowMs, dedupeFor, limits, storage, clock, platform, events } = options;
  const reported = new Set<string>();
  let notedAt = -Infinity;
  // Names in a storage are read by whoever looks at it: they don't say who somebody is.
  let digest: Promise<string> | undefined;
  const folder = () => {
    digest ??= platform.sha256(scope);
    return digest;
  };

  const forgotten = (reason: ForgottenEvent['reason'], key?: string) =>
    events.emit({ type: 'forgotten', key, reason, remote: false });

  /** Reports whether the entry still counts, which a finished one does until the server forgets its key. */
  const isCurrent = ({ state, intent, until }: Entry) =>
    isUnfinished(state) || state === 'expired' || clock.nowFor(intent) < (until ?? windowEnd(intent, windowMs));

  /** Reports whether an entry that asks for the same answers for a draft with another key. */
  const answers = (entry: Entry) =>
    isCurrent(entry) &&
    !isRefused(entry) &&
    (entry.state !== 'succeeded' || clock.nowFor(entry.intent) - entry.updatedAt < dedupeFor);

  /** Reads texts into entries, oldest first, and the names of those that are taken but cannot be read. */
  function decode(texts: readonly StoredText[]) {
    const entries: StoredEntry[] = [];
    const unreadable: (Name & { readonly newer: boolean })[] = [];
    for (const { id, text, kind } of texts) {
      const name = readId(id);
      if (name === undefined) {
        continue;
      }
      try {
        entries.push({ ...decodeEntry(text, id, scope), bytes: sizeOf(id) + sizeOf(text), storage: kind });
      } catch (error) {
        if (!(error instanceof FormatError)) {
          throw error;
        }
        const { newer, message } = error;
        unreadable.push({ ...name, newer });
        if (!reported.has(id)) {
          reported.add(id);
          events.emit({ type: 'unreadable', ...name, newer, reason: message });
        }
      }
    }
    return {
      entries: entries.sort((a, b) => a.createdAt - b.createdAt || (a.intent.key < b.intent.key ? -1 : 1)),
      unreadable,
    };
  }

  /**
   * Chooses what answers for the draft, or if `own` its own entry alone, current or not.
   *
   * @throws {UnreadableError} if only what cannot be read may
   */
  function choose(draft: Intent, { entries, unreadable }: ReturnType<typeof decode>, own = false): Entry | undefined {
    const alone = own || draft.named;
    const known =
      entries.find((entry) => entry.intent.key === draft.key && (own || isCurrent(entry))) ??
      (alone ? undefined : entries.filter(answers).at(-1));
    const taken = unreadable.find(({ key }) => !alone || key === draft.key);
    if (!known && taken) {
      throw new UnreadableError(taken.key, taken.newer, draft);
    }
    return known;
  }

  const read = async (prefix: string) => decode(await storage.list(await folder(), prefix));

  /** Changes what is stored under a prefix, making room for it if there is none. */
  async function write(prefix: string, change: (texts: readonly StoredText[]) => readonly Write[]): Promise<void> {
    note();
    for (;;) {
      try {
        return await storage.update(await folder(), prefix, change);
      } catch (error) {
        if (!(error instanceof QuotaError) || !(await evict(0.5))) {
          throw error;
        }
      }
    }
  }

  /**
   * Moves what was written before the clock was set to the clock as it is now, so that any page can read it. Removes
   * what is past its window, then the oldest responses until the rest is within that share of what
   * is stored, or of the limits. Reports whether anything changed.
   */
  async function evict(share = 1): Promise<boolean> {
    let past: StoredEntry[] = [];
    let evicted: StoredEntry[] = [];
    await storage.update(await folder(), '', (texts) => {
      const { entries } = decode(texts);
      past = entries.filter((entry) => !isCurrent(entry));
      evicted = [];
      const writes = past.map(({ intent }) => removal(intent));
      const rest = entries.filter(isCurrent).sort((a, b) => a.updatedAt - b.updatedAt);
      let count = rest.filter(({ response }) => response?.complete).length;
      let bytes = rest.reduce((sum, entry) => sum + entry.bytes, 0);
      const most = Math.min(limits.bytes, share < 1 ? bytes * share : Infinity);
      for (const entry of rest) {
        const ahead = clock.setSince(entry.intent);
        const moved = shifted(entry, ahead);
        if (entry.response?.complete && (count > limits.entries || bytes > most)) {
          const text = encodeEntry(tombstone(moved));
          evicted.push(entry);
          count -= 1;
          bytes -= entry.bytes - sizeOf(text);
          writes.push([entryId(entry.intent), text]);
        } else if (Math.abs(ahead) > minute) {
          writes.push([entryId(entry.intent), encodeEntry(moved)]);
        }
      }
      return writes;
    });
    for (const { intent } of past) {
      forgotten('past-window', intent.key);
    }
    for (const { intent } of evicted) {
      events.emit({ type: 'evicted', key: intent.key, fingerprint: intent.fingerprint });
    }
    return past.length + evicted.length > 0;
  }

  /** Notes that this scope is in use, and clears the scopes that have not been for a window. Once an hour at most. */
  function note(): void {
    const now = clock.now();
    if (!storage.scopes || Math.abs(now - notedAt) < hour) {
      return;
    }
    notedAt = now;
    const sweep = async () => {
      const mine = await folder();
      await storage.update(mine, seenId, () => [[seenId, String(now)]]);
      for (const other of (await storage.scopes?.()) ?? []) {
        let stale = false;
        if (other !== mine) {
          await storage.update(other, seenId, ([seen]) => {
            stale = seen !== undefined && now - Number(seen.text) > windowMs;
            return seen ? [] : [[seenId, String(now)]];
          });
        }
        if (stale) {
          await storage.clear(other);
        }
      }
    };
    sweep().catch(events.fail);
  }

  function changed({ intent: { key, fingerprint }, state, updatedAt }: Entry, previous: State): void {
    events.emit({ type: 'state', key, fingerprint, state, previous, at: updatedAt, remote: false });
  }

  return {
    get: async (intent) => choose(intent, await read(entryId(intent)), true),
    find: async (draft) => choose(draft, await read(`${draft.fingerprint}.`)),
    list: async () => {
      note();
      return (await read('')).entries.filter(isCurrent);
    },
    admit: async (draft, asNew) => {
      let added = false;
      let entry!: Entry;
      await write(`${draft.fingerprint}.`, (texts) => {
        const siblings = decode(texts);
        const known = choose(draft, siblings, asNew);
        added = known === undefined || (asNew && known.state === 'expired');
        if (known && !added) {
          entry = known;
          return [];
        }
        const now = clock.now();
        // Later than all that ask for the same, even if the clock has gone back: the newest counts.
        const createdAt = Math.max(now, ...siblings.entries.map((sibling) => sibling.createdAt + 1));
        entry = { intent: draft, state: 'pending', createdAt, updatedAt: now, attempts: 0 };
        const settled = asNew
          ? [
              ...siblings.entries.filter(({ state }) => state === 'expired').map(({ intent }) => intent),
              ...siblings.unreadable.filter(({ newer }) => !newer),
            ]
          : [];
        return [...settled.map(removal), [entryId(draft), encodeEntry(entry)]];
      });
      if (added) {
        changed(entry, 'draft');
      }
      return entry;
    },
    update: async (intent, change) => {
      let before: Entry | undefined;
      let after: Entry | undefined;
      const store = (small: boolean) =>
        write(entryId(intent), (texts) => {
          before = choose(intent, decode(texts), true);
          after = before;
          if (before === undefined) {
            return [];
          }
          // Never earlier than what was seen before: a clock that is set back does not make a window longer.
          const now = Math.max(clock.now(), before.updatedAt);
          const { intent: known, createdAt, attempts } = before;
          const next: Entry = {
            intent: known,
            createdAt,
            attempts,
            ...change(before, now),
            updatedAt: now,
          };
          if (!mayFollow(before.state, next.state)) {
            return [];
          }
          const text = encodeEntry(next);
          const fits = !small && (!next.response || sizeOf(text) <= limits.bytes);
          after = fits ? next : tombstone(next);
          return [[entryId(intent), fits ? text : encodeEntry(after)]];
        });
      try {
        await store(false);
      } catch (error) {
        if (!(error instanceof QuotaError)) {
          throw error;
        }
        await store(true);
      }
      if (before && after && before !== after) {
        changed(after, before.state);
        if (after.response) {
          await evict().catch(events.fail);
        }
      }
      return after;
    },
    clear: async (key) => {
      if (key === undefined) {
        await storage.clear(await folder());
        forgotten('cleared');
        return;
      }
      let gone: Name[] = [];
      await write('', (texts) => {
        const keys = new Set([key]);
        const { entries, unreadable } = decode(texts);
        for (const { intent, state } of entries) {
          if (intent.after !== undefined && keys.has(intent.after) && isUnfinished(state)) {
            keys.add(intent.key);
          }
        }
        gone = [...entries.map(({ intent }) => intent), ...unreadable].filter((name) => keys.has(name.key));
        return gone.map(removal);
      });
      for (const name of gone) {
        forgotten('cleared', name.key);
      }
    },
  };
}

function removal(name: Name): Write {
  return [entryId(name), undefined];
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

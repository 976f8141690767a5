import type { Clock } from './clock.ts';
import {
  decodeEntry,
  type Entry,
  type EntryName,
  encodeEntry,
  entryId,
  isRefused,
  readId,
  type StoredEntry,
  shifted,
  tombstone,
  type Unreadable,
} from './entry.ts';
import { UnreadableError } from './errors.ts';
import type { Emitter, NewEvent } from './events.ts';
import type { Intent } from './intent.ts';
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
export type Change = Partial<Pick<Entry, 'intent' | 'attempts' | 'notBefore' | 'response'>> & {
  readonly state: Entry['state'];
};

/** The entries of one scope. Every change is one transaction of the storage. */
export interface Journal {
  /** Returns the entry that answers for the draft: its own, else the newest that asks for the same. */
  find(draft: Intent): Promise<Entry | undefined>;
  /** Returns the entry of this very intent. @throws {UnreadableError} @throws as {@link gone} does */
  get(intent: Intent): Promise<Entry>;
  /** Returns all that can be read, oldest first. */
  list(): Promise<readonly StoredEntry[]>;
  /** Returns the entry with this key, if it can be read. */
  lookUp(key: string): Promise<StoredEntry | undefined>;
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

export const createJournal = (options: JournalOptions): Journal => {
  const { scope, windowMs, dedupeFor, limits, storage, clock, platform, events } = options;
  const reported = new Set<string>();
  let notedAt = -Infinity;
  // Names in a storage are read by whoever looks at it: they don't say who somebody is.
  let digest: Promise<string> | undefined;
  const folder = () => {
    digest ??= platform.sha256(scope);
    return digest;
  };

  /** Reports whether the entry still counts, which a finished one does until the server forgets its key. */
  const isCurrent = ({ intent, response }: Entry) => !response || clock.nowFor(intent) < (intent.expiresAt as number);

  /** Reports whether an entry that asks for the same answers for a draft with another key. */
  const answers = (entry: Entry) =>
    isCurrent(entry) &&
    !isRefused(entry) &&
    (entry.state !== 'succeeded' || clock.nowFor(entry.intent) - entry.updatedAt < dedupeFor);

  /** Reads texts into entries, oldest first, and the names of those that are taken but cannot be read. */
  function decode(texts: readonly StoredText[]) {
    const entries: StoredEntry[] = [];
    const unreadable: (EntryName & Unreadable)[] = [];
    for (const { id, text, kind } of texts) {
      const name = readId(id);
      if (name === undefined) {
        continue;
      }
      const entry = decodeEntry(text, name, scope);
      if (!('newer' in entry)) {
        entries.push({ ...entry, bytes: sizeOf(id + text), storage: kind });
        continue;
      }
      unreadable.push({ ...name, ...entry });
      if (!reported.has(id)) {
        reported.add(id);
        events.emit({ type: 'unreadable', ...entry }, name);
      }
    }
    return { entries: entries.sort((a, b) => a.createdAt - b.createdAt), unreadable };
  }

  /**
   * Chooses what answers for the draft, or if `own` its own entry alone, current or not.
   *
   * @throws {UnreadableError} if only what cannot be read may
   */
  const choose = (
    draft: Intent,
    { entries, unreadable }: ReturnType<typeof decode>,
    own = false,
  ): Entry | undefined => {
    const alone = own || draft.named;
    const known =
      entries.find((entry) => entry.intent.key === draft.key && (own || isCurrent(entry))) ??
      (alone ? undefined : entries.filter(answers).at(-1));
    const taken = unreadable.find(({ key }) => !alone || key === draft.key);
    if (!known && taken) {
      const message = taken.newer ? 'a newer version wrote it' : 'what is stored is damaged';
      throw new UnreadableError(message, { intent: draft, attempts: 0, latencyMs: 0 }, taken);
    }
    return known;
  };

  const read = async (prefix: string) => decode(await storage.list(await folder(), prefix));

  /** Changes what is stored under a prefix, making room for it if there is none. */
  const write = async (prefix: string, change: (texts: readonly StoredText[]) => readonly Write[]): Promise<void> => {
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
  };

  /**
   * Moves what was written before the clock was set to the clock as it is now, so that any page can read it. Removes
   * what is past its window, then the oldest responses until the rest is within that share of what
   * is stored, or of the limits. Reports whether anything changed.
   */
  const evict = async (share = 1): Promise<boolean> => {
    let told: [NewEvent, EntryName][] = [];
    await storage.update(await folder(), '', (texts) => {
      told = [];
      const writes: Write[] = [];
      const entries = decode(texts).entries.sort((a, b) => a.updatedAt - b.updatedAt);
      const current = entries.filter(isCurrent);
      let count = current.filter(({ response }) => response?.complete).length;
      let bytes = current.reduce((sum, entry) => sum + entry.bytes, 0);
      const most = Math.min(limits.bytes, bytes * share);
      for (const entry of entries) {
        const { intent } = entry;
        const ahead = clock.setSince(intent);
        const moved = shifted(entry, ahead);
        if (!isCurrent(entry)) {
          writes.push(removalOf(intent));
          told.push([{ type: 'forgotten', reason: 'past-window' }, intent]);
        } else if (entry.response?.complete && (count > limits.entries || bytes > most)) {
          const text = encodeEntry(tombstone(moved));
          count -= 1;
          bytes -= entry.bytes - sizeOf(text);
          writes.push([entryId(intent), text]);
          told.push([{ type: 'evicted' }, intent]);
        } else if (Math.abs(ahead) > minute) {
          writes.push([entryId(intent), encodeEntry(moved)]);
        }
      }
      return writes;
    });
    for (const [event, about] of told) {
      events.emit(event, about);
    }
    return told.length > 0;
  };

  /**
   * Notes that this scope is in use, and clears the scopes that have not been for a window. Once an hour at most, and
   * by a server's clock: by the device's, if it is wrong, what another user's scope keeps would be gone too early.
   */
  const note = (): void => {
    const now = clock.served();
    if (!storage.scopes || !(Math.abs(now - notedAt) >= hour)) {
      return;
    }
    notedAt = now;
    const sweep = async () => {
      const mine = await folder();
      for (const one of [mine, ...((await storage.scopes?.()) ?? [])]) {
        await storage.update(one, '', (texts) => {
          const seen = texts.find(({ id }) => id === seenId);
          if (one === mine || !seen) {
            return [[seenId, String(now)]];
          }
          return now - Number(seen.text) > windowMs ? texts.map(removal) : [];
        });
      }
    };
    sweep().catch(events.fail);
  };

  const list = async (): Promise<readonly StoredEntry[]> => {
    note();
    return (await read('')).entries.filter(isCurrent);
  };

  const changed = ({ intent, state, updatedAt }: Entry, previous: State): void => {
    events.emit({ type: 'state', state, previous, at: updatedAt }, intent);
  };

  return {
    get: async (intent) => choose(intent, await read(entryId(intent)), true) ?? gone(),
    find: async (draft) => choose(draft, await read(`${draft.fingerprint}.`)),
    list,
    lookUp: async (key) => (await list()).find(({ intent }) => intent.key === key),
    admit: async (draft, asNew) => {
      let entry!: Entry;
      await write(`${draft.fingerprint}.`, (texts) => {
        const siblings = decode(texts);
        const known = choose(draft, siblings, asNew);
        if (known && !(asNew && known.state === 'expired')) {
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
        return [...settled.map(removalOf), [entryId(draft), encodeEntry(entry)]];
      });
      if (entry.intent === draft) {
        changed(entry, 'draft');
      }
      return entry;
    },
    update: async (intent, change) => {
      let before: Entry | undefined;
      let after: Entry | undefined;
      let full = false;
      const store = () =>
        write(entryId(intent), (texts) => {
          before = choose(intent, decode(texts), true);
          after = before;
          if (before === undefined) {
            return [];
          }
          // Never earlier than what was seen before: a clock that is set back does not make a window longer.
          const now = Math.max(clock.now(), before.updatedAt);
          const { intent: known, createdAt, attempts } = before;
          const next: Entry = { intent: known, createdAt, attempts, ...change(before, now), updatedAt: now };
          if (!mayFollow(before.state, next.state)) {
            return [];
          }
          const text = encodeEntry(next);
          after = full || (next.response && sizeOf(text) > limits.bytes) ? tombstone(next) : next;
          return [[entryId(intent), after === next ? text : encodeEntry(after)]];
        });
      await store().catch((error) => {
        full = error instanceof QuotaError;
        return full ? store() : Promise.reject(error);
      });
      if (before && after && before !== after) {
        changed(after, before.state);
        if (after.response) {
          await evict().catch(events.fail);
        }
      }
      return after;
    },
    clear: async (key) => {
      let gone: readonly (EntryName | undefined)[] = [undefined];
      await storage.update(await folder(), '', (texts) => {
        if (key === undefined) {
          return texts.map(removal);
        }
        const { entries, unreadable } = decode(texts);
        const keys = new Set([key]);
        // What was to follow something that goes, goes as well, and what was to follow that.
        for (let count = 0; count < keys.size; ) {
          count = keys.size;
          for (const { intent, state } of entries) {
            if (keys.has(intent.after as string) && isUnfinished(state)) {
              keys.add(intent.key);
            }
          }
        }
        const names = [...entries.map(({ intent }) => intent), ...unreadable].filter((name) => keys.has(name.key));
        gone = names;
        return names.map(removalOf);
      });
      for (const one of gone) {
        events.emit({ type: 'forgotten', reason: 'cleared' }, one);
      }
    },
  };
};

/** What whoever waits for an intent that was cleared is told. */
export const withdrawn = (): DOMException => new DOMException('the intent was cleared', 'AbortError');

/** @throws what whoever waits for an intent that was cleared is told */
export function gone(): never {
  throw withdrawn();
}

const removal = ({ id }: Pick<StoredText, 'id'>): Write => [id, undefined];

const removalOf = (name: EntryName): Write => [entryId(name), undefined];

const sizeOf = (text: string): number => new TextEncoder().encode(text).length;

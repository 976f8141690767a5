import { createHash } from 'node:crypto';
import { type Client, type ClientOptions, createClient } from '../client.ts';
import { decodeEntry, type Entry, formatVersion, readId } from '../entry.ts';
import type { ClientEvent } from '../events.ts';
import type { Locks } from '../locks.ts';
import type { Platform } from '../platform.ts';
import type { IntentStorage } from '../storage.ts';

/** A request that has left a tab and has no response yet. */
export interface Exchange {
  readonly key: string;
  readonly body: string;
  readonly origin: string;
  readonly tab: Tab;
  /** The server handles the request, and its response arrives. It is a 401 if nobody is signed in. */
  answer(body?: string): void;
  /** The server handles the request, and its response is lost. */
  loseAnswer(): void;
  /** The request never reaches the server. */
  lose(): void;
  /** Something answers without the server's handler: a proxy, a limit, a validation. */
  refuse(status: number, headers?: Record<string, string>, body?: string): void;
}

/** A page, which can die at any moment. */
export interface Tab {
  readonly client: Client;
  readonly events: readonly ClientEvent[];
  readonly alive: boolean;
  /** Whether it runs a newer version of the page, whose entries the others cannot read. */
  readonly newer: boolean;
  /** Ends it: none of its promises settles any more, and its locks are free. */
  crash(): void;
  /** Lets it die at the n-th call of its platform from now: before the call takes effect, or after. */
  crashAt(call: number, when: 'before' | 'after'): void;
  /** Lets its storage fail at the n-th call from now: before the call takes effect, or after. */
  breakAt(call: number, when: 'before' | 'after'): void;
  /** Lets its function for headers throw, the next time that it is called. */
  breakHeaders(): void;
  wake(): void;
}

const scope = 's-1';
const never = <T>() => new Promise<T>(() => {});

/**
 * A browser with several tabs, a network and a server of which the test decides everything: what arrives, what is lost,
 * who dies when, and what the time is. Nothing happens by itself.
 */
export class Simulation {
  /** When it begins, in true time. */
  readonly start = Date.parse('2026-01-01T00:00:00Z');
  readonly windowMs: number;
  /** What the tabs' clocks say, in epoch milliseconds. */
  now = this.start;
  /** Whether requests reach anybody. */
  online = true;
  /** What the browser believes of it, if it is mistaken. */
  believedOnline: boolean | undefined;
  /** Whether the server knows who is calling. */
  signedIn = true;
  /** Whether the server's responses carry a `Date` and an `Idempotency-Expires` that the client may read. */
  dated = true;
  /** Whether tabs have locks in common, as by the Web Locks API. */
  sharedLocks = true;
  /** Whether tabs hear of each other, as by a BroadcastChannel. */
  sharedChannel = true;
  /** Requests without a response, oldest first. */
  exchanges: Exchange[] = [];
  /** Every request that left, in order. */
  readonly sent: { readonly key: string; readonly body: string; readonly at: number }[] = [];
  /** The scopes that something was queued for. */
  readonly queued: string[] = [];
  /** How often the server's handler ran, by key. */
  readonly effects = new Map<string, number>();
  /** Called as a request leaves, before anything else happens. */
  onSend: (exchange: Exchange, stored: Entry | undefined) => void = () => {};
  /** Called whenever an entry has been stored. */
  onStored: (entry: Entry) => void = () => {};

  readonly texts = new Map<string, string>();
  /** True time since the start, which no clock setting touches, and until when the server remembers a key in it. */
  elapsed = 0;
  /** Time by a clock that stands still while the device sleeps. */
  private uptime = 0;
  private readonly remembered = new Map<string, number>();
  private readonly tabs: (Tab & { hear: (message: unknown) => void })[] = [];
  /** Who holds which lock. */
  private readonly locks = new Map<string, object>();
  private sleepers: { readonly at: number; readonly resolve: () => void; readonly tab: { alive: boolean } }[] = [];
  private readonly options: Partial<ClientOptions>;
  private keys = 0;

  /** @param options for the clients; `clockSkew` is how far the device's clock is ahead of the server's, in ms */
  constructor({ clockSkew = 0, ...options }: Partial<ClientOptions> & { readonly clockSkew?: number } = {}) {
    this.options = options;
    this.windowMs = options.windowMs ?? 24 * 60 * 60 * 1_000;
    this.now += clockSkew;
  }

  /** What is stored about a key, whoever wrote it. Undefined if it is damaged, too. */
  stored(key: string): Entry | undefined {
    const found = [...this.texts].find(([id]) => id.endsWith(`.${key}`));
    return found && read(found[0], found[1]);
  }

  /** Damages what is stored about the n-th intent. Returns its key. */
  corrupt(index: number): string | undefined {
    const found = [...this.texts][index % Math.max(1, this.texts.size)];
    if (found) {
      this.texts.set(found[0], found[1].slice(0, -2));
    }
    return found?.[0].split('.')[1];
  }

  /** Opens a tab with a client of its own. */
  async open({ newer = false }: { readonly newer?: boolean } = {}): Promise<Tab> {
    const life = { alive: true, fuse: Infinity, when: 'before' as 'before' | 'after' };
    const weakness = { fuse: Infinity, when: 'before' as 'before' | 'after' };
    let headersBroken = false;
    const events: ClientEvent[] = [];
    const wakers = new Set<() => void>();
    const listeners = new Set<(message: unknown) => void>();
    const ownLocks = new Map<string, object>();
    const crash = () => {
      life.alive = false;
      this.releaseAll(life);
    };
    /** Runs a call of the platform, if the tab lives to see it; its result reaches the tab if it lives on. */
    const call = async <T>(effect: () => T | Promise<T>): Promise<T> => {
      life.fuse -= 1;
      if (life.fuse === 0 && life.when === 'before') {
        crash();
      }
      if (!life.alive) {
        return never();
      }
      const running = Promise.resolve(effect());
      if (life.fuse === 0) {
        crash();
      }
      try {
        const value = await running;
        return life.alive ? value : never();
      } catch (error) {
        return life.alive ? Promise.reject(error) : never();
      }
    };
    const storageCall = <T>(effect: () => T) =>
      call(() => {
        weakness.fuse -= 1;
        const fails = weakness.fuse === 0;
        if (fails && weakness.when === 'before') {
          throw new Error('the storage fails');
        }
        const value = effect();
        if (fails) {
          throw new Error('the storage fails');
        }
        return value;
      });
    const { headers = () => ({}) } = this.options;
    const client = createClient({
      scope,
      ...this.options,
      headers: (intent) => {
        if (headersBroken) {
          headersBroken = false;
          throw new Error('no headers');
        }
        return headers(intent);
      },
      storage: this.storage(storageCall, newer),
      platform: {
        now: () => this.now,
        uptime: () => this.uptime,
        random: () => 0.5,
        randomUUID: () => {
          this.keys += 1;
          return `key-${this.keys}`;
        },
        // Without real asynchrony, so that nothing but the simulation takes time.
        sha256: async (text) => createHash('sha256').update(text).digest('hex'),
        online: () => this.believedOnline ?? this.online,
        reachable: async () => this.online,
        onWake: (wake) => {
          wakers.add(wake);
          return () => wakers.delete(wake);
        },
        onQueued: (of) => this.queued.push(of),
        fetch: (url, init) => call(() => this.send(tab, url, init)),
        sleep: (ms, signal) => this.sleep(life, ms, signal),
        locks: this.locksFor(life, this.sharedLocks ? this.locks : ownLocks),
        channel: (_, listener) => {
          listeners.add(listener);
          return {
            postMessage: (message) => {
              if (life.alive && this.sharedChannel) {
                const copy = structuredClone(message);
                for (const other of this.tabs.filter((one) => one !== tab && one.alive)) {
                  queueMicrotask(() => other.hear(copy));
                }
              }
            },
            close: () => listeners.clear(),
          };
        },
        ...this.options.platform,
      },
    });
    const tab = {
      client,
      events,
      newer,
      get alive() {
        return life.alive;
      },
      crash,
      crashAt: (fuse: number, when: 'before' | 'after') => Object.assign(life, { fuse, when }),
      breakAt: (fuse: number, when: 'before' | 'after') => Object.assign(weakness, { fuse, when }),
      breakHeaders: () => {
        headersBroken = true;
      },
      wake: () => {
        for (const wake of life.alive ? wakers : []) {
          wake();
        }
      },
      hear: (message: unknown) => {
        for (const listener of life.alive ? listeners : []) {
          listener(message);
        }
      },
    };
    this.tabs.push(tab);
    client.subscribe((event) => events.push(event));
    await client.entries();
    return tab;
  }

  /** Moves time on, waking who sleeps until then. */
  async advance(ms: number): Promise<void> {
    const end = this.uptime + ms;
    for (;;) {
      await this.settle();
      const due = this.sleepers.filter(({ at, tab }) => at <= end && tab.alive).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) {
        break;
      }
      this.pass(Math.max(0, due.at - this.uptime));
      this.sleepers = this.sleepers.filter((one) => one !== due);
      due.resolve();
    }
    this.pass(end - this.uptime);
    await this.settle();
  }

  private pass(ms: number): void {
    this.uptime += ms;
    this.elapsed += ms;
    this.now += ms;
  }

  /** Sets the clock without time passing. */
  skew(ms: number): void {
    this.now += ms;
  }

  /** Lets the device sleep: time passes, and no timer notices. */
  suspend(ms: number): void {
    this.elapsed += ms;
    this.now += ms;
  }

  /** Waits until everything that can happen without network or time has happened. */
  async settle(): Promise<void> {
    await new Promise(setImmediate);
  }

  private send(tab: Tab, url: string, { headers, body, signal }: RequestInit): Promise<Response> {
    const key = new Headers(headers).get('Idempotency-Key') ?? '';
    const text = new TextDecoder().decode(body as Uint8Array);
    if (!this.online) {
      return Promise.reject(new TypeError('no network'));
    }
    return new Promise((resolve, reject) => {
      const finish = (end: () => void) => {
        this.exchanges = this.exchanges.filter((one) => one !== exchange);
        end();
      };
      const answer = (status: number, extra: Record<string, string>, content: string) => {
        const date = { Date: this.date(this.elapsed) };
        resolve({
          status,
          headers: new Headers({ 'Content-Type': 'application/json', ...(this.dated && date), ...extra }),
          arrayBuffer: async () => new TextEncoder().encode(content).buffer,
        } as unknown as Response);
      };
      const handle = (): Record<string, string> => {
        const replayed = this.elapsed < (this.remembered.get(key) ?? -Infinity);
        if (!replayed) {
          this.remembered.set(key, this.elapsed + this.windowMs);
          this.effects.set(key, (this.effects.get(key) ?? 0) + 1);
        }
        return {
          ...(this.dated && { 'Idempotency-Expires': this.date(this.remembered.get(key) ?? 0) }),
          ...(replayed && { 'Idempotent-Replayed': 'true' }),
        };
      };
      const lost = () => reject(new TypeError('connection reset'));
      // Hours pass at once here. A request that is still under way when the server forgets its key is taken for lost:
      // no client could take it back, and real ones end an attempt within seconds.
      const leftAt = this.elapsed;
      const tooLate = () => {
        const until = this.remembered.get(key) ?? -Infinity;
        return leftAt < until && until <= this.elapsed;
      };
      const exchange: Exchange = {
        key,
        body: text,
        origin: new URL(url).origin,
        tab,
        answer: (content = `{"id":"of ${key}"}`) =>
          finish(() => {
            if (tooLate()) {
              lost();
            } else if (this.signedIn) {
              answer(201, handle(), content);
            } else {
              answer(401, {}, '{}');
            }
          }),
        loseAnswer: () =>
          finish(() => {
            if (!tooLate() && this.signedIn) {
              handle();
            }
            lost();
          }),
        lose: () => finish(lost),
        refuse: (status, extra = {}, content = '{}') => finish(() => answer(status, extra, content)),
      };
      this.onSend(exchange, this.stored(key));
      this.sent.push({ key, body: text, at: this.now });
      this.exchanges.push(exchange);
      signal?.addEventListener('abort', () => finish(() => reject(signal.reason)));
    });
  }

  private date(elapsed: number): string {
    return new Date(this.start + elapsed).toUTCString();
  }

  private storage(call: <T>(effect: () => T) => Promise<T>, newer: boolean): IntentStorage {
    const mine = (text: string) => (newer ? text.replace(`"v":${formatVersion + 1}`, `"v":${formatVersion}`) : text);
    const theirs = (text: string) => (newer ? text.replace(`"v":${formatVersion}`, `"v":${formatVersion + 1}`) : text);
    const list = (prefix: string) =>
      [...this.texts]
        .filter(([id]) => id.startsWith(prefix))
        .map(([id, text]) => ({ id, text: mine(text), kind: 'memory' as const }));
    return {
      list: (_, prefix) => call(() => list(prefix)),
      update: (_, prefix, change) =>
        call(() => {
          for (const [id, text] of change(list(prefix))) {
            if (text === undefined) {
              this.texts.delete(id);
            } else {
              this.texts.set(id, theirs(text));
              const entry = read(id, text);
              if (entry) {
                this.onStored(entry);
              }
            }
          }
        }),
    };
  }

  private sleep(tab: { alive: boolean }, ms: number, signal?: AbortSignal): ReturnType<Platform['sleep']> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: this.uptime + ms, resolve, tab };
      this.sleepers.push(sleeper);
      const abort = () => {
        this.sleepers = this.sleepers.filter((one) => one.resolve !== resolve);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort);
      if (signal?.aborted) {
        abort();
      }
    });
  }

  private locksFor(tab: { alive: boolean }, locks: typeof this.locks): Locks {
    return {
      request: async (name, _, task) => {
        if (!tab.alive) {
          return never();
        }
        if (locks.has(name)) {
          return task(null);
        }
        locks.set(name, tab);
        try {
          return await task(tab);
        } finally {
          if (locks.get(name) === tab) {
            locks.delete(name);
          }
        }
      },
    };
  }

  private releaseAll(tab: object): void {
    for (const [name, holder] of this.locks) {
      if (holder === tab) {
        this.locks.delete(name);
      }
    }
  }
}

/** Reads an entry of either version. */
function read(id: string, text: string): Entry | undefined {
  const name = readId(id);
  const entry = name && decodeEntry(text.replace(`"v":${formatVersion + 1}`, `"v":${formatVersion}`), name, scope);
  return entry && 'intent' in entry ? entry : undefined;
}

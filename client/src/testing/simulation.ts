import { type Client, type ClientOptions, createClient } from '../client.ts';
import { decodeEntry, type Entry } from '../entry.ts';
import type { ClientEvent } from '../events.ts';
import type { Locks } from '../locks.ts';
import type { Platform } from '../platform.ts';
import type { IntentStorage } from '../storage.ts';

/** A request that has left a tab and has no answer yet. */
export interface Exchange {
  readonly key: string;
  readonly body: string;
  readonly tab: Tab;
  /** The server handles the request, and the answer arrives. */
  answer(): void;
  /** The server handles the request, and the answer is lost. */
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
  /** Ends it: none of its promises settles any more, and its locks are free. */
  crash(): void;
  /** Lets it die at the n-th call of its platform from now: before the call takes effect, or after. */
  crashAt(call: number, when: 'before' | 'after'): void;
  wake(): void;
}

const scope = 's-1';
const never = <T>() => new Promise<T>(() => {});

/**
 * A browser with several tabs, a network and a server of which the test decides everything: what arrives, what is lost,
 * who dies when, and what the time is. Nothing happens by itself.
 */
export class Simulation {
  readonly start = Date.parse('2026-01-01T00:00:00Z');
  readonly windowMs: number;
  /** What the tabs' clocks say, in epoch milliseconds. */
  now = this.start;
  online = true;
  /** Requests without an answer, oldest first. */
  exchanges: Exchange[] = [];
  /** Every request that left, in order. */
  readonly sent: { readonly key: string; readonly body: string; readonly at: number }[] = [];
  /** The scopes for which a background sync was asked for. */
  readonly syncs: string[] = [];
  /** How often the server's handler ran, by key. */
  readonly effects = new Map<string, number>();
  /** Called as a request leaves, before anything else happens. */
  onSend: (exchange: Exchange, stored: Entry | undefined) => void = () => {};
  /** Called whenever an entry has been stored. */
  onStored: (entry: Entry) => void = () => {};

  readonly texts = new Map<string, string>();
  /** Real time, which no clock setting touches, and until when the server remembers a key in it. */
  private elapsed = 0;
  private readonly remembered = new Map<string, number>();
  private readonly tabs: (Tab & { hear: (message: unknown) => void })[] = [];
  private readonly locks = new Map<string, { tab: object; grant: () => void }[]>();
  private sleepers: { readonly at: number; readonly resolve: () => void; readonly tab: { alive: boolean } }[] = [];
  private readonly options: Partial<ClientOptions>;
  private keys = 0;

  constructor(options: Partial<ClientOptions> = {}) {
    this.options = options;
    this.windowMs = options.windowMs ?? 24 * 60 * 60 * 1_000;
  }

  /** What is stored about a key. */
  stored(key: string): Entry | undefined {
    const found = [...this.texts].find(([id]) => id.endsWith(`.${key}`));
    return found && decodeEntry(found[1], found[0], scope);
  }

  /** Opens a tab with a client of its own. */
  async open(): Promise<Tab> {
    const life = { alive: true, fuse: Infinity, when: 'before' as 'before' | 'after' };
    const events: ClientEvent[] = [];
    const wakers = new Set<() => void>();
    const listeners = new Set<(message: unknown) => void>();
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
    const client = createClient({
      scope,
      ...this.options,
      storage: this.storage(call),
      platform: {
        now: () => this.now,
        random: () => 0.5,
        randomUUID: () => {
          this.keys += 1;
          return `key-${this.keys}`;
        },
        online: () => this.online,
        onWake: (wake) => {
          wakers.add(wake);
          return () => wakers.delete(wake);
        },
        requestBackgroundSync: (of) => this.syncs.push(of),
        fetch: (_, init) => call(() => this.send(tab, init)),
        sleep: (ms, signal) => this.sleep(life, ms, signal),
        locks: this.locksFor(life),
        channel: () => ({
          post: (message) => {
            if (life.alive) {
              const copy = structuredClone(message);
              for (const other of this.tabs.filter((one) => one !== tab && one.alive)) {
                queueMicrotask(() => other.hear(copy));
              }
            }
          },
          listen: (listener) => listeners.add(listener),
          close: () => listeners.clear(),
        }),
      },
    });
    const tab = {
      client,
      events,
      get alive() {
        return life.alive;
      },
      crash,
      crashAt: (fuse: number, when: 'before' | 'after') => Object.assign(life, { fuse, when }),
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
    await client.entries(); // after which nothing but the simulation is asynchronous
    return tab;
  }

  /** Moves the clock on, waking who sleeps until then. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await this.settle();
      const due = this.sleepers.filter(({ at, tab }) => at <= end && tab.alive).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) {
        break;
      }
      this.elapsed += Math.max(0, due.at - this.now);
      this.now = Math.max(this.now, due.at);
      this.sleepers = this.sleepers.filter((one) => one !== due);
      due.resolve();
    }
    this.elapsed += end - this.now;
    this.now = end;
    await this.settle();
  }

  /** Sets the clocks without time passing. */
  skew(ms: number): void {
    this.now += ms;
    this.sleepers = this.sleepers.map((sleeper) => ({ ...sleeper, at: sleeper.at + ms }));
  }

  /** Waits until everything that can happen without network or time has happened. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    });
  }

  private send(tab: Tab, { headers, body, signal }: RequestInit): Promise<Response> {
    const key = new Headers(headers).get('Idempotency-Key') ?? '';
    const text = new TextDecoder().decode(body as Uint8Array);
    return new Promise((resolve, reject) => {
      const finish = (end: () => void) => {
        this.exchanges = this.exchanges.filter((one) => one !== exchange);
        end();
      };
      const answer = (status: number, extra: Record<string, string>, content: string) => {
        resolve({
          status,
          headers: new Headers({ 'Content-Type': 'application/json', ...extra }),
          arrayBuffer: async () => new TextEncoder().encode(content).buffer,
        } as unknown as Response);
      };
      const handle = (): Record<string, string> => {
        const replayed = this.elapsed < (this.remembered.get(key) ?? -Infinity);
        if (!replayed) {
          this.remembered.set(key, this.elapsed + this.windowMs);
          this.effects.set(key, (this.effects.get(key) ?? 0) + 1);
        }
        return replayed ? { 'Idempotent-Replayed': 'true' } : {};
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
        tab,
        answer: () => finish(() => (tooLate() ? lost() : answer(201, handle(), `{"id":"of ${key}"}`))),
        loseAnswer: () =>
          finish(() => {
            if (!tooLate()) {
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

  private storage(call: <T>(effect: () => T) => Promise<T>): IntentStorage {
    return {
      list: (_, prefix = '') =>
        call(() =>
          [...this.texts]
            .filter(([id]) => id.startsWith(prefix))
            .map(([id, text]) => ({ id, text, kind: 'memory' as const })),
        ),
      write: (_, id, text) =>
        call(() => {
          this.texts.set(id, text);
          this.onStored(decodeEntry(text, id, scope));
        }),
      remove: (_, id) =>
        call(() => {
          this.texts.delete(id);
        }),
      clear: () => call(() => this.texts.clear()),
    };
  }

  private sleep(tab: { alive: boolean }, ms: number, signal: AbortSignal): ReturnType<Platform['sleep']> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: this.now + ms, resolve, tab };
      this.sleepers.push(sleeper);
      signal.addEventListener('abort', () => {
        this.sleepers = this.sleepers.filter((one) => one.resolve !== resolve);
        reject(signal.reason);
      });
    });
  }

  private locksFor(tab: { alive: boolean }): Locks {
    return {
      request: async (name, { ifAvailable }, task) => {
        if (!tab.alive) {
          return never();
        }
        const queue = this.locks.get(name) ?? [];
        this.locks.set(name, queue);
        if (ifAvailable === true && queue.length > 0) {
          return task(false);
        }
        const turn = { tab, grant: () => {} };
        await new Promise<void>((grant) => {
          turn.grant = grant;
          queue.push(turn);
          if (queue.length === 1) {
            grant();
          }
        });
        try {
          return await task(true);
        } finally {
          this.release(name, (one) => one === turn);
        }
      },
    };
  }

  private release(name: string, which: (turn: { tab: object }) => boolean): void {
    const queue = this.locks.get(name) ?? [];
    const rest = queue.filter((turn) => !which(turn));
    this.locks.set(name, rest);
    if (rest[0] !== queue[0]) {
      rest[0]?.grant();
    }
  }

  private releaseAll(tab: object): void {
    for (const name of this.locks.keys()) {
      this.release(name, (turn) => turn.tab === tab);
    }
  }
}

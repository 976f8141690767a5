import { requestBackgroundSync } from './background-sync.ts';
import { type Channel, openChannel } from './channel.ts';
import { type Locks, localLocks, webLocks } from './locks.ts';

/** What the client needs of its surroundings. The browser's own unless replaced. */
export interface Platform {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly randomUUID: () => string;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason once that aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** False where there is certainly no network. */
  readonly online: () => boolean;
  /** Calls back when it is worth trying again: the network is back, the page is looked at. Returns the unsubscriber. */
  readonly onWake: (wake: () => void) => () => void;
  /** Asks for the outbox of this scope to be drained once the network is back, even if no page is open then. */
  readonly requestBackgroundSync: (scope: string) => void;
  /** Locks shared by all tabs. */
  readonly locks: Locks;
  /** Opens a channel to the other tabs. */
  readonly channel: (name: string) => Channel;
}

const pageLocks = localLocks();

/** The browser's platform. Functions are looked up when called, so that replacing a global takes effect. */
export const browser: Platform = {
  fetch: (url, init) => fetch(url, init),
  now: () => Date.now(),
  random: () => Math.random(),
  randomUUID: () => crypto.randomUUID(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      }, ms);
      if (signal.aborted) {
        abort();
      } else {
        signal.addEventListener('abort', abort, { once: true });
      }
    }),
  online: () => globalThis.navigator?.onLine ?? true,
  onWake: (wake) => {
    if (typeof document === 'undefined') {
      return () => {}; // a worker, which is woken by its own events
    }
    const visible = () => {
      if (document.visibilityState === 'visible') {
        wake();
      }
    };
    window.addEventListener('online', wake);
    window.addEventListener('focus', wake);
    document.addEventListener('visibilitychange', visible);
    return () => {
      window.removeEventListener('online', wake);
      window.removeEventListener('focus', wake);
      document.removeEventListener('visibilitychange', visible);
    };
  },
  requestBackgroundSync,
  get locks() {
    const manager = globalThis.navigator?.locks as LockManager | null | undefined;
    return manager ? webLocks(manager) : pageLocks;
  },
  channel: openChannel,
};

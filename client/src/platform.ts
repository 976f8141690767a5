import { type Channel, openChannel } from './channel.ts';
import { type Locks, localLocks, webLocks } from './locks.ts';
import { type Runtime, runtime } from './runtime.ts';

/** What the client needs of its surroundings. The browser's own unless replaced. */
export interface Platform extends Runtime {
  /** False if the browser believes that there is no network, which may be wrong. */
  readonly online: () => boolean;
  /** Reports whether anything answers at this address. Asked before a request leaves while {@link online} says no. */
  readonly reachable: (url: string) => Promise<boolean>;
  /** Calls back when it is worth trying again: the network is back, the page is looked at. Returns the unsubscriber. */
  readonly onWake: (wake: () => void) => () => void;
  /**
   * Told that something of this scope was queued. By default it asks the browser to keep what is stored; to have the
   * outbox drained with no page open, give it `requestBackgroundSync` of `idempotent-requests/worker`.
   */
  readonly onQueued: (scope: string) => void;
  /** Locks shared by all tabs. */
  readonly locks: Locks;
  /** Opens a channel to the other tabs. */
  readonly channel: (name: string) => Channel;
}

const pageLocks = localLocks();

/** The browser's platform. Functions are looked up when called, so that replacing a global takes effect. */
export const browser: Platform = {
  ...runtime,
  online: () => globalThis.navigator?.onLine !== false,
  reachable: (url) =>
    fetch(url, { method: 'HEAD', mode: 'no-cors', cache: 'no-store' }).then(
      () => true,
      () => false,
    ),
  onWake: (wake) => {
    if (typeof document === 'undefined') {
      return () => {}; // a worker, which is woken by its own events
    }
    const visible = () => {
      if (document.visibilityState === 'visible') {
        wake();
      }
    };
    const listening = new AbortController();
    const { signal } = listening;
    for (const type of ['online', 'focus', 'pageshow']) {
      window.addEventListener(type, wake, { signal });
    }
    document.addEventListener('visibilitychange', visible, { signal });
    return () => listening.abort();
  },
  onQueued: () => {
    globalThis.navigator?.storage?.persist?.().catch(() => {});
  },
  get locks() {
    const manager = globalThis.navigator?.locks as LockManager | undefined;
    return manager ? webLocks(manager) : pageLocks;
  },
  channel: openChannel,
};

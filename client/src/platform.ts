import { openChannel } from './channel.ts';
import { type Locks, localLocks } from './locks.ts';
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
  readonly channel: typeof openChannel;
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
    const listening = new AbortController();
    const { signal } = listening;
    for (const type of ['online', 'focus', 'pageshow', 'visibilitychange']) {
      const hinted = () => (type === 'visibilitychange' && document.hidden) || wake();
      window.addEventListener(type, hinted, { signal });
    }
    return () => listening.abort();
  },
  onQueued: () => {
    globalThis.navigator?.storage?.persist?.().catch(() => {});
  },
  locks: {
    request: async (name, options, task) => {
      let refused = true;
      try {
        return await navigator.locks.request(name, options, (lock) => {
          refused = false;
          return task(lock);
        });
      } catch (error) {
        if (!refused) {
          throw error;
        }
        // There are none, or not here: browsers deny them to frames without an origin or without storage.
        return pageLocks.request(name, options, task);
      }
    },
  },
  channel: openChannel,
};

import { browser, type Platform } from 'idempotent-requests';

/**
 * The network as this tab's client sees it: the browser's, unless the page has unplugged it, which the scenarios do to
 * show what happens offline. It stays so over a reload of this tab.
 */
export interface Network extends Pick<Platform, 'fetch' | 'online' | 'reachable' | 'onWake'> {
  readonly unplugged: () => boolean;
  /** Lets so many more requests leave, and none after them. Default none. */
  readonly unplug: (after?: number) => void;
  /** Undoes {@link unplug}. */
  readonly plugIn: () => void;
  /** Calls back whenever `online` may have changed. Returns the unsubscriber. */
  readonly subscribe: (onChange: () => void) => () => void;
}

const storageKey = 'idempotent-requests.unplugged';

/** @param onRequest called for each request that leaves */
export function createNetwork(onRequest: () => void): Network {
  const listeners = new Set<() => void>();
  const wakers = new Set<() => void>();
  let left = read() ? 0 : Number.POSITIVE_INFINITY;

  function change(remaining: number) {
    left = remaining;
    write(left <= 0);
    for (const listener of listeners) {
      listener();
    }
  }

  return {
    unplugged: () => left <= 0,
    unplug: (after = 0) => change(after),
    plugIn: () => {
      change(Number.POSITIVE_INFINITY);
      for (const wake of wakers) {
        wake();
      }
    },
    online: () => left > 0 && browser.online(),
    reachable: async (url) => left > 0 && browser.reachable(url),
    fetch: async (url, init) => {
      if (left <= 0) {
        throw new TypeError('the network is unplugged');
      }
      onRequest();
      if (left !== Number.POSITIVE_INFINITY) {
        change(left - 1);
      }
      return browser.fetch(url, init);
    },
    onWake: (wake) => {
      wakers.add(wake);
      const stop = browser.onWake(wake);
      return () => {
        wakers.delete(wake);
        stop();
      };
    },
    subscribe: (onChange) => {
      listeners.add(onChange);
      window.addEventListener('online', onChange);
      window.addEventListener('offline', onChange);
      return () => {
        listeners.delete(onChange);
        window.removeEventListener('online', onChange);
        window.removeEventListener('offline', onChange);
      };
    },
  };
}

function read(): boolean {
  try {
    return sessionStorage.getItem(storageKey) !== null;
  } catch {
    return false;
  }
}

function write(unplugged: boolean) {
  try {
    if (unplugged) {
      sessionStorage.setItem(storageKey, 'true');
    } else {
      sessionStorage.removeItem(storageKey);
    }
  } catch {
    // Refused: it then ends with the page.
  }
}

import { unlessAborted } from './abort.ts';

/** Mutual exclusion between everything that may run an intent: the part of the Web Locks API that the client uses. */
export interface Locks {
  /**
   * Runs the task while holding the lock of that name. Without `ifAvailable` it waits for its turn; with it, it gets
   * `held: false` at once where somebody else holds the lock. A page that dies lets go of its locks.
   *
   * @throws the reason of `signal`, where that aborts before its turn
   */
  request<T>(
    name: string,
    options: { readonly ifAvailable?: boolean; readonly signal?: AbortSignal },
    task: (held: boolean) => Promise<T>,
  ): Promise<T>;
}

/** The browser's Web Locks, which all tabs of an origin share. */
export function webLocks(manager: LockManager): Locks {
  return {
    request: async (name, { ifAvailable, signal }, task) =>
      // The platform refuses a signal together with `ifAvailable`, which never waits.
      await manager.request(name, ifAvailable ? { ifAvailable } : signal ? { signal } : {}, (lock) => task(!!lock)),
  };
}

/** Locks of this page alone, if there are no Web Locks: outside a secure context, and in tests. */
export function localLocks(): Locks {
  /** By name, what resolves once whoever has the lock has let go of it. */
  const holders = new Map<string, Promise<unknown>>();
  return {
    request: async (name, { ifAvailable, signal }, task) => {
      for (let holder = holders.get(name); holder; holder = holders.get(name)) {
        if (ifAvailable) {
          return task(false);
        }
        await unlessAborted(holder, signal);
      }
      const mine = Promise.resolve()
        .then(() => task(true))
        .finally(() => holders.delete(name));
      holders.set(
        name,
        mine.catch(() => {}),
      );
      return mine;
    },
  };
}

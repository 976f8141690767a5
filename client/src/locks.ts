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
      ifAvailable === true
        ? await manager.request(name, { ifAvailable }, (lock) => task(lock !== null))
        : await manager.request(name, signal === undefined ? {} : { signal }, () => task(true)),
  };
}

/** Locks of this page alone, for where there are no Web Locks: outside a secure context, and in tests. */
export function localLocks(): Locks {
  const queues = new Map<string, Promise<unknown>>();
  return {
    request: async (name, { ifAvailable, signal }, task) => {
      signal?.throwIfAborted();
      const before = queues.get(name);
      if (before !== undefined && ifAvailable === true) {
        return task(false);
      }
      const turn = Promise.resolve(before).then(() => {
        signal?.throwIfAborted();
        return task(true);
      });
      const done = turn.then(
        () => {},
        () => {},
      );
      queues.set(name, done);
      void done.then(() => {
        if (queues.get(name) === done) {
          queues.delete(name);
        }
      });
      return signal === undefined ? turn : Promise.race([turn, aborted(signal, done)]);
    },
  };
}

/** Rejects once the signal aborts, unless the task is done before. */
function aborted(signal: AbortSignal, done: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    void done.then(() => signal.removeEventListener('abort', abort));
  });
}

/** Mutual exclusion between everything that may run an intent: the part of the Web Locks API that the client uses. */
export interface Locks {
  /**
   * Runs the task while holding the lock of that name, or with `null` at once if somebody else holds it. A page that
   * dies lets go of its locks.
   */
  request<T>(
    name: string,
    options: { readonly ifAvailable: true },
    task: (lock: object | null) => Promise<T>,
  ): Promise<T>;
}

/** Locks of this page alone, if there are no Web Locks: outside a secure context, and in tests. */
export const localLocks = (): Locks => {
  const held = new Set<string>();
  return {
    request: async (name, _, task) => {
      if (held.has(name)) {
        return task(null);
      }
      held.add(name);
      try {
        return await task({});
      } finally {
        held.delete(name);
      }
    },
  };
};

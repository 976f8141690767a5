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
}

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
};

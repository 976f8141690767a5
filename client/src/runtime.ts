import { unlessAborted } from './abort.ts';

/** What the library needs of any JavaScript runtime: a browser, a worker, Node, React Native. */
export interface Runtime {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** The device's clock, in epoch milliseconds. It may be wrong, and may be set at any time. */
  readonly now: () => number;
  /** Milliseconds since some moment, by a clock that nobody sets. It may stand still while the device sleeps. */
  readonly uptime: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A new random UUID, version 4. */
  readonly randomUUID: () => string;
  /** The SHA-256 of a text's UTF-8, in lower-case hex. */
  readonly sha256: (text: string) => Promise<string>;
  /**
   * Resolves after `ms` milliseconds, or after 24 days if that is less; rejects with the signal's reason once that
   * aborts. `idle` means that the wait must not keep a process alive.
   */
  readonly sleep: (ms: number, signal?: AbortSignal, idle?: boolean) => Promise<void>;
}

/** The runtime that this code runs in. Globals are looked up when called, so that replacing one takes effect. */
export const runtime: Runtime = {
  fetch: (url, init) => fetch(url, init),
  now: () => Date.now(),
  uptime: () => performance.now(),
  random: () => Math.random(),
  // Browsers offer crypto.randomUUID in secure contexts only.
  randomUUID: () => {
    // Digits 13 and 17 say which kind of UUID it is (RFC 9562 §5.4); the others are random.
    const digits = hex(crypto.getRandomValues(new Uint8Array(16)));
    return digits.replace(/(.{8})(.{4}).(.{3}).(.{3})/, '$1-$2-4$3-8$4-');
  },
  sha256: async (text) => hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))),
  sleep: (ms, signal, idle) => {
    let timer: { unref?: () => void } | number | undefined;
    const slept = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(ms, 0x7fffffff)); // above it, timers fire at once
    });
    if (idle) {
      (timer as { unref?: () => void }).unref?.();
    }
    return unlessAborted(slept, signal).finally(() => clearTimeout(timer as number));
  },
};

/** Bytes in lower-case hex. */
export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

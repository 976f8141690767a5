import { afterEach, beforeEach, expect, vi } from 'vitest';

let missed: string[] = [];

// A request that a test has not foreseen fails it, even where the code under test swallows the error.
beforeEach(() => {
  missed = [];
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const { method, url } = new Request(input, init);
    missed.push(`${method} ${url}`);
    throw new TypeError(`nothing answers ${method} ${url}`);
  });
});

afterEach(() => {
  globalThis.localStorage?.clear();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  expect(missed, 'requests that the test did not foresee').toEqual([]);
});

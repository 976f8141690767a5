// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { readRetryAfter, retryDelay, retryPolicy } from './retry.ts';

describe('retryPolicy', () => {
  it.each([{ maxAttempts: 0 }, { maxAttempts: 1.5 }, { baseDelayMs: -1 }, { totalTimeoutMs: Number.NaN }])(
    'refuses %o',
    (given) => {
      expect(() => retryPolicy(given)).toThrow(RangeError);
    },
  );
});

describe('retryDelay', () => {
  const policy = retryPolicy({ baseDelayMs: 100, maxDelayMs: 1_000 });

  it.each([
    [1, 100],
    [2, 200],
    [3, 400],
    [5, 1_000],
    [60, 1_000],
  ])('after attempt %i spreads over the whole of %i ms', (attempt, ceiling) => {
    expect(retryDelay(policy, attempt, 0)).toBe(0);
    expect(retryDelay(policy, attempt, 0.5)).toBe(ceiling / 2);
    expect(retryDelay(policy, attempt, 0.9999)).toBe(ceiling - 1);
  });

  it('adds to what the server asked for', () => {
    expect(retryDelay(policy, 1, 0, 3_000)).toBe(3_000);
    expect(retryDelay(policy, 1, 0.5, 3_000)).toBe(3_050);
  });
});

describe('readRetryAfter', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');

  it.each([
    ['7', 7_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['soon', 0],
    [null, 0],
  ])('%s', (value, expected) => {
    expect(readRetryAfter(new Headers(value === null ? {} : { 'Retry-After': value }), now)).toBe(expected);
  });
});

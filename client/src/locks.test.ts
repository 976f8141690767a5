// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { localLocks } from './locks.ts';

const turn = () => new Promise((resolve) => setTimeout(resolve));

describe('local locks', () => {
  it('are given to one at a time, by name', async () => {
    const { request } = localLocks();
    const holds = async (name: string) => request(name, { ifAvailable: true }, async (lock) => lock !== null);
    const first = request('a', { ifAvailable: true }, turn);
    expect(await holds('a')).toBe(false);
    expect(await holds('b')).toBe(true);
    await first;
    expect(await holds('a')).toBe(true);
  });

  it('outlive a task that fails', async () => {
    const { request } = localLocks();
    const failing = request('a', { ifAvailable: true }, async () => {
      await turn();
      throw new Error('failed');
    });
    await expect(failing).rejects.toThrow('failed');
    expect(await request('a', { ifAvailable: true }, async (lock) => lock !== null)).toBe(true);
  });
});

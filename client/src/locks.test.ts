// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { localLocks, webLocks } from './locks.ts';

const turn = () => new Promise((resolve) => setTimeout(resolve));

describe('local locks', () => {
  it('give turns in order, one at a time, and outlive a task that fails', async () => {
    const locks = localLocks();
    const log: string[] = [];
    const task = (name: string) => async () => {
      log.push(`${name} in`);
      await turn();
      log.push(`${name} out`);
      return name;
    };
    const failing = locks.request('a', {}, () => Promise.reject(new Error('failed')));
    const all = Promise.all([locks.request('a', {}, task('1')), locks.request('a', {}, task('2'))]);
    await expect(failing).rejects.toThrow('failed');
    expect(await all).toEqual(['1', '2']);
    expect(log).toEqual(['1 in', '1 out', '2 in', '2 out']);
  });

  it('say at once where they are taken, if asked to', async () => {
    const locks = localLocks();
    const first = locks.request('a', {}, turn);
    expect(await locks.request('a', { ifAvailable: true }, async (held) => held)).toBe(false);
    expect(await locks.request('b', { ifAvailable: true }, async (held) => held)).toBe(true);
    await first;
    expect(await locks.request('a', { ifAvailable: true }, async (held) => held)).toBe(true);
  });

  it('let a wait be aborted', async () => {
    const locks = localLocks();
    const controller = new AbortController();
    const first = locks.request('a', {}, turn);
    let ran = false;
    const second = locks.request('a', { signal: controller.signal }, async () => {
      ran = true;
    });
    controller.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    await first;
    await turn();
    expect(ran).toBe(false);
  });

  it('stay with whoever has them when somebody else gives up waiting', async () => {
    const locks = localLocks();
    const controller = new AbortController();
    const first = locks.request('a', {}, turn);
    const second = locks.request('a', { signal: controller.signal }, turn);
    controller.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    expect(await locks.request('a', { ifAvailable: true }, async (held) => held)).toBe(false);
    await first;
    expect(await locks.request('a', { ifAvailable: true }, async (held) => held)).toBe(true);
  });
});

describe('web locks', () => {
  it('are asked for as the platform wants it', async () => {
    const asked: unknown[] = [];
    const request = async (name: string, options: LockOptions, task: (lock: unknown) => unknown) => {
      asked.push([name, options]);
      return task(options.ifAvailable ? null : {});
    };
    const locks = webLocks({ request } as unknown as LockManager);
    const { signal } = new AbortController();
    expect(await locks.request('a', { ifAvailable: true, signal }, async (held) => held)).toBe(false);
    expect(await locks.request('a', { signal }, async (held) => held)).toBe(true);
    expect(asked).toEqual([
      ['a', { ifAvailable: true }],
      ['a', { signal }],
    ]);
  });
});

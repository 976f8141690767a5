import { afterEach, describe, expect, it, vi } from 'vitest';
import { json, serve } from '../testing/network.ts';
import { createNetwork } from './network.ts';

afterEach(() => sessionStorage.clear());

describe('the network', () => {
  it('counts what leaves', async () => {
    serve({ 'POST /api/payments': () => json(201, {}) });
    const onRequest = vi.fn();
    await createNetwork(onRequest).fetch('/api/payments', { method: 'POST' });
    expect(onRequest).toHaveBeenCalledOnce();
  });

  it('lets nothing leave while it is unplugged, and wakes who waits once it is not', async () => {
    const requests = serve({});
    const onRequest = vi.fn();
    const network = createNetwork(onRequest);
    const [wake, onChange] = [vi.fn(), vi.fn()];
    network.onWake(wake);
    network.subscribe(onChange);

    network.unplug();
    expect([network.unplugged(), network.online()]).toEqual([true, false]);
    await expect(network.fetch('/api/payments', { method: 'POST' })).rejects.toThrow(TypeError);
    expect([requests.length, onRequest.mock.calls.length, wake.mock.calls.length]).toEqual([0, 0, 0]);

    network.plugIn();
    expect(network.online()).toBe(true);
    expect(wake).toHaveBeenCalledOnce();
    expect(onChange).toHaveBeenCalledTimes(2);
  });

  it('can fail after so many requests', async () => {
    serve({ 'POST /api/payments': () => json(201, {}) });
    const network = createNetwork(() => {});
    network.unplug(1);
    expect(network.online()).toBe(true);
    await network.fetch('/api/payments', { method: 'POST' });
    await expect(network.fetch('/api/payments', { method: 'POST' })).rejects.toThrow('unplugged');
  });

  it('stays unplugged over a reload', () => {
    createNetwork(() => {}).unplug();
    const network = createNetwork(() => {});
    expect(network.unplugged()).toBe(true);
    network.plugIn();
    expect(createNetwork(() => {}).unplugged()).toBe(false);
  });
});

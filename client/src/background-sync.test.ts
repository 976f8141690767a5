// @vitest-environment node
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { requestBackgroundSync, scopeOfSync } from './background-sync.ts';
import { createClient } from './client.ts';
import { createIndexedDbStorage } from './storage-indexed-db.ts';
import { Simulation } from './testing/simulation.ts';
import { drainInBackground } from './worker.ts';

const payment = { url: 'https://api.example/payments', body: { amount: 1250 } };

describe('a background sync', () => {
  it('is asked for where there is no network, and not where the server cannot answer', async () => {
    const world = new Simulation({ retry: { maxAttempts: 1 } });
    const { client } = await world.open();
    world.online = false;
    await client.submit(payment);
    expect(world.queued).toEqual(['s-1']);

    world.online = true;
    const outcome = client.submit(payment);
    await world.settle();
    world.exchanges[0]?.refuse(503);
    expect(await outcome).toMatchObject({ source: 'queued' });
    expect(world.queued).toEqual(['s-1']);
  });

  function stubNavigator(onLine: boolean, register = vi.fn(async (_tag: string) => {})) {
    vi.stubGlobal('navigator', { onLine, serviceWorker: { getRegistration: async () => ({ sync: { register } }) } });
    return register;
  }

  it('says whose outbox it is about', async () => {
    const register = stubNavigator(false);
    await requestBackgroundSync('user/7');
    expect(scopeOfSync(register.mock.calls[0]?.[0] ?? '')).toBe('user/7');
    expect(scopeOfSync('something-else')).toBeUndefined();
  });

  it('is not asked for by a browser that is online, and would have it at once', async () => {
    const register = stubNavigator(true);
    await requestBackgroundSync('s-1');
    expect(register).not.toHaveBeenCalled();
  });

  it('is done without where the browser refuses, or has no service worker', async () => {
    stubNavigator(
      false,
      vi.fn(() => Promise.reject(new DOMException('denied', 'NotAllowedError'))),
    );
    await requestBackgroundSync('s-1');
    vi.stubGlobal('navigator', { onLine: false });
    await requestBackgroundSync('s-1');
    vi.stubGlobal('navigator', { onLine: false, serviceWorker: { getRegistration: async () => undefined } });
    await requestBackgroundSync('s-1');
  });
});

describe('a service worker', () => {
  let online: boolean;
  let requests: string[];
  let answer: () => Response;

  beforeEach(() => {
    vi.stubGlobal('indexedDB', new IDBFactory());
    online = false;
    requests = [];
    answer = () => Response.json({ id: 'p-1' }, { status: 201 });
  });

  /** A client of its own over what is stored: the page's, or the worker's. */
  const clientOf = () =>
    createClient({
      scope: 's-1',
      storage: createIndexedDbStorage(),
      retry: { maxAttempts: 1 },
      platform: {
        online: () => online,
        reachable: async () => online,
        onQueued: () => {},
        fetch: async (_, { headers }) => {
          requests.push(new Headers(headers).get('Idempotency-Key') ?? '');
          return answer();
        },
      },
    });

  it('drains what the page left, with its key, and leaves the answer to the next page', async () => {
    const { intent } = await clientOf().submit(payment);
    online = true;
    await drainInBackground(clientOf());
    expect(requests).toEqual([intent.key]);
    expect(await clientOf().submit(payment)).toMatchObject({ source: 'client-cache', intent: { key: intent.key } });
    expect(requests).toHaveLength(1);
  });

  it('is to be woken again where something is left over', async () => {
    await clientOf().submit(payment);
    await expect(drainInBackground(clientOf())).rejects.toThrow('1 intents');
    online = true;
    answer = () => new Response(null, { status: 503 });
    await expect(drainInBackground(clientOf())).rejects.toThrow('1 intents');
    answer = () => Response.json({ id: 'p-1' }, { status: 201 });
    await drainInBackground(clientOf());
    expect(new Set(requests).size).toBe(1);
  });

  it('goes on without a document', async () => {
    vi.stubGlobal('document', undefined);
    await drainInBackground(clientOf());
    vi.unstubAllGlobals();
  });
});

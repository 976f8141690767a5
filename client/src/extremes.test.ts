// @vitest-environment node
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ClientOptions, createClient } from './client.ts';
import type { ClientEvent } from './events.ts';
import { idempotentFetch } from './fetch.ts';
import { type IntentStorage, QuotaError, type Write } from './storage.ts';
import { createMemoryStorage } from './storage-memory.ts';
import { Simulation } from './testing/simulation.ts';

/*
 * What a page seldom meets: many intents at once, servers that say odd things, disks that fill up in the middle, and
 * signals that abort at every moment.
 */

const payment = { url: 'https://api.example/payments', body: { amount: 1 } };
const hour = 3_600_000;

const clientOf = (fetch: () => Promise<Response>, options: Partial<ClientOptions> = {}) =>
  createClient({ scope: 's', storage: createMemoryStorage(), ...options, platform: { fetch, ...options.platform } });

const paid = async () => new Response('{"id":"p-1"}', { status: 201 });

describe('an outbox of 200 intents for two origins', () => {
  it('sends each of them once, and at most four to an origin at a time', async () => {
    const world = new Simulation({ retry: { maxAttempts: 1 } });
    const tab = await world.open();
    world.online = false;
    for (let amount = 0; amount < 200; amount++) {
      const url = `https://${amount % 2 ? 'api' : 'other'}.example/payments`;
      expect(await tab.client.submit({ url, body: { amount } })).toMatchObject({ source: 'queued' });
    }
    world.online = true;
    const drained = tab.client.resume();
    const most: Record<string, number> = {};
    for (await world.settle(); world.exchanges.length > 0; await world.settle()) {
      for (const { origin } of world.exchanges) {
        most[origin] = Math.max(most[origin] ?? 0, world.exchanges.filter((one) => one.origin === origin).length);
      }
      for (const exchange of world.exchanges) {
        exchange.answer();
      }
    }
    await drained;
    expect(most).toEqual({ 'https://api.example': 4, 'https://other.example': 4 });
    expect([...world.effects.values()]).toEqual(Array(200).fill(1));
    expect(await tab.client.usage()).toMatchObject({ entries: 200, unfinished: 0 });
  });
});

describe('an intent that is sent again because it was due', () => {
  it('has all others of its origin sent at once, for there is a network', async () => {
    const world = new Simulation({ retry: { maxAttempts: 1 } });
    const tab = await world.open();
    world.online = false;
    await tab.client.submit(payment);
    await world.advance(30_000);
    for (const amount of [2, 3, 4, 5, 6, 7]) {
      await tab.client.submit({ ...payment, body: { amount } });
    }
    world.online = true;
    for (let second = 0; second < 60 && world.exchanges.length === 0; second++) {
      await world.advance(1_000);
    }
    expect(world.exchanges).toHaveLength(1);
    for (; world.exchanges.length > 0; await world.settle()) {
      world.exchanges[0]?.answer();
    }
    expect([...world.effects.values()]).toEqual(Array(7).fill(1));
  });
});

describe('a server', () => {
  it.each([204, 205])('that says %i has done it, and has no body', async (status) => {
    const client = clientOf(async () => new Response(null, { status }));
    expect(await client.submit(payment)).toMatchObject({ source: 'executed', status, complete: true });
    const again = await client.submit(payment);
    expect(again).toMatchObject({ source: 'client-cache', status });
    expect('json' in again && again.body).toHaveLength(0);
  });

  it('that says 304 has not done it', async () => {
    const client = clientOf(async () => new Response(null, { status: 304 }));
    await expect(client.submit(payment)).rejects.toMatchObject({ name: 'ProblemError', status: 304 });
  });

  it.each([
    ['three years', '99999999'],
    ['for ever', '9'.repeat(400)],
  ])('that asks to wait %s is asked no more once the window is over', async (_, seconds) => {
    const world = new Simulation({ retry: { maxAttempts: 1 }, windowMs: hour });
    const tab = await world.open();
    const outcome = tab.client.submit(payment);
    await world.settle();
    world.exchanges[0]?.refuse(503, { 'Retry-After': seconds });
    expect(await outcome).toMatchObject({ source: 'queued', retryAt: new Date(world.start + hour) });
    await world.advance(2 * hour);
    expect((await tab.client.entries()).map(({ state }) => state)).toEqual(['expired']);
    expect(world.sent).toHaveLength(1);
  });

  it('gets a URL of 100,000 characters as it is', async () => {
    const seen: string[] = [];
    const client = clientOf(paid, {
      platform: {
        fetch: (url) => {
          seen.push(url);
          return paid();
        },
      },
    });
    const url = `https://api.example/payments?note=${'x'.repeat(100_000)}`;
    await client.submit({ ...payment, url });
    expect(await client.submit({ ...payment, url })).toMatchObject({ source: 'client-cache' });
    expect(seen).toEqual([url]);
  });
});

describe('a network that swallows the question whether it is there', () => {
  it('queues what is submitted', async () => {
    const world = new Simulation({ platform: { online: () => false, reachable: () => new Promise(() => {}) } });
    const tab = await world.open();
    const outcome = tab.client.submit(payment);
    await world.advance(15_000);
    expect(await outcome).toMatchObject({ source: 'queued', attempts: 0 });
  });
});

describe('a clock that is set back by an hour between any two calls', () => {
  it('pays once', async () => {
    for (let call = 1; call <= 12; call++) {
      const world = new Simulation({ retry: { maxAttempts: 3 } });
      let calls = 0;
      const tab = await world.open();
      const original = world.settle.bind(world);
      world.settle = async () => {
        calls += 1;
        if (calls === call) {
          world.skew(-hour);
        }
        await original();
      };
      const outcome = tab.client.submit(payment);
      await world.settle();
      world.exchanges[0]?.loseAnswer();
      for (let second = 0; second < 6; second++) {
        await world.advance(1_000);
        world.exchanges[0]?.answer();
      }
      expect(await outcome).toMatchObject({ status: 201 });
      expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache' });
      expect([...world.effects.values()]).toEqual([1]);
    }
  });
});

describe('a disk that is full', () => {
  /** A storage that is full at the n-th change that writes something, and from then on until there is room. */
  const fullAt = (n: number) => {
    const disk = createMemoryStorage();
    const world = { room: true };
    let changes = 0;
    const storage: IntentStorage = {
      ...disk,
      update: (scope, prefix, change) =>
        disk.update(scope, prefix, (texts) => {
          const writes: readonly Write[] = change(texts);
          if (writes.some(([id, text]) => text !== undefined && id !== 'seen')) {
            changes += 1;
            if (changes === n) {
              world.room = false;
            }
            if (!world.room) {
              throw new QuotaError('full');
            }
          }
          return writes;
        }),
    };
    return { storage, world };
  };

  it.each([1, 2, 3])('at its change no. %i makes no second payment', async (n) => {
    const { storage, world } = fullAt(n);
    const keys: string[] = [];
    const fetch = async (_: string, { headers }: RequestInit) => {
      keys.push(new Headers(headers).get('Idempotency-Key') ?? '');
      return paid();
    };
    const client = createClient({ scope: 's', storage, platform: { fetch } });
    const outcome = await client.submit(payment).catch((error: Error) => error.name);
    // Before the request nothing is sent that is not written down; after it the response is true all the same.
    expect(n < 3 ? outcome : (outcome as { source: string }).source).toBe(n < 3 ? 'QuotaError' : 'executed');
    expect(keys).toHaveLength(n < 3 ? 0 : 1);
    world.room = true;
    await client.submit(payment);
    expect(new Set(keys).size).toBe(1);
    client.close();
  });
});

describe('a signal', () => {
  it('that aborts at any moment ends the wait, and nothing else', async () => {
    for (let moment = 0; moment <= 40; moment++) {
      const world = new Simulation();
      const tab = await world.open();
      const controller = new AbortController();
      const outcome = tab.client.submit(payment, { signal: controller.signal });
      const ended = outcome.then(
        () => 'paid',
        (error) => (error as Error).message,
      );
      for (let turn = 0; turn < moment; turn++) {
        await Promise.resolve();
      }
      controller.abort(new Error('enough'));
      expect(await ended).toBe('enough');
      await world.settle();
      for (const exchange of world.exchanges) {
        exchange.answer();
      }
      await world.settle();
      expect([...world.effects.values()]).toEqual([1]);
      expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache' });
    }
  });
});

describe('a storage that fails', () => {
  it('is told of by an event, and by no unhandled rejection, if nobody waits for resume', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => void process.off('unhandledRejection', unhandled));
    const events: ClientEvent[] = [];
    const fail = () => Promise.reject(new Error('the disk is broken'));
    const client = createClient({ scope: 's', storage: { list: fail, update: fail } });
    client.subscribe((event) => events.push(event));
    void client.resume();
    await new Promise((resolve) => setTimeout(resolve));
    await expect(client.resume()).rejects.toThrow('the disk is broken');
    client.close();
    expect(events.map(({ type }) => type)).toContain('background-error');
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('clearing an intent', () => {
  it('clears all that were to follow it, in whatever order they are stored', async () => {
    const world = new Simulation();
    const tab = await world.open();
    world.online = false;
    await tab.client.submit({ ...payment, key: 'c' });
    await tab.client.submit({ ...payment, key: 'b', after: 'c' });
    await tab.client.submit({ ...payment, key: 'a', after: 'b' });
    await tab.client.submit({ ...payment, key: 'd' });
    // Within one millisecond, and so in no order.
    const entries = [...world.texts].sort(([a], [b]) => (a < b ? -1 : 1));
    world.texts.clear();
    for (const [id, text] of entries) {
      world.texts.set(id, text.replace(/"createdAt":\d+/, `"createdAt":${world.now}`));
    }
    await tab.client.clear('c');
    expect((await tab.client.entries()).map(({ intent }) => intent.key)).toEqual(['d']);
  });
});

describe('idempotentFetch', () => {
  it('sends a stream again, to the byte', async () => {
    const bodies: string[] = [];
    const fetch = async (_: string, { body }: RequestInit) => {
      bodies.push(await new Response(body).text());
      return bodies.length < 3 ? new Response('', { status: 503 }) : paid();
    };
    const body = new Blob(['one ', 'two']).stream();
    const init = { body, duplex: 'half', runtime: { fetch, random: () => 0 } } as RequestInit;
    expect((await idempotentFetch('https://api.example/', init)).status).toBe(201);
    expect(bodies).toEqual(['one two', 'one two', 'one two']);
  });
});

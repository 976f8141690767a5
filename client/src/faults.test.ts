// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { ProblemError, UnreadableError } from './errors.ts';
import type { ClientEvent } from './events.ts';
import type { IntentRequest } from './intent.ts';
import type { Platform } from './platform.ts';
import { createMemoryStorage } from './storage-memory.ts';
import { type Exchange, Simulation, type Tab } from './testing/simulation.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const payment: IntentRequest = { url: 'https://api.example/payments', body: { amount: 1250 } };
const other: IntentRequest = { url: 'https://other.example/payments', body: { amount: 990 } };
const retry = { maxAttempts: 2, baseDelayMs: 100, maxDelayMs: 100 };

/** Opens a world with one tab in it. */
async function open(options: ConstructorParameters<typeof Simulation>[0] = {}, how: Partial<Simulation> = {}) {
  const world = Object.assign(new Simulation({ retry, ...options }), how);
  const tab = await world.open();
  /** The n-th request that is under way. */
  const request = async (n = 0): Promise<Exchange> => {
    await world.settle();
    expect(world.exchanges.length).toBeGreaterThan(n);
    return world.exchanges[n] as Exchange;
  };
  const done = async (what = payment, from: Tab = tab) => {
    const outcome = from.client.submit(what);
    (await request()).answer();
    return outcome;
  };
  const states = async () => (await tab.client.entries()).map(({ state }) => state);
  return { world, tab, request, done, states };
}

describe('a device clock that is wrong', () => {
  it.each([
    ['two days ahead', 2 * day],
    ['nine days behind', -9 * day],
  ])('%s pays once, and drops no response', async (_, clockSkew) => {
    for (const dated of [true, false]) {
      const { world, tab, done } = await open({ clockSkew }, { dated });
      await done();
      await world.advance(minute);
      for (let time = 0; time < 3; time++) {
        expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache' });
      }
      expect(world.sent).toHaveLength(1);
    }
  });

  it('two days ahead lets a queued intent go out', async () => {
    const { world, tab, request, states } = await open({ clockSkew: 2 * day });
    const outcome = tab.client.submit(payment);
    for (let attempt = 0; attempt < retry.maxAttempts; attempt++) {
      (await request()).refuse(503, { 'Idempotency-Expires': new Date(world.start + day).toUTCString() });
      await world.advance(100);
    }
    expect(await outcome).toMatchObject({ source: 'queued' });
    const resumed = tab.client.resume();
    (await request()).answer();
    await resumed;
    expect(await states()).toEqual(['succeeded']);
  });

  it.each([2 * day, -2 * day])('that is set by %d ms while a request is under way drops no response', async (ms) => {
    const { world, tab, request, done } = await open();
    await done();
    const second = tab.client.submit({ ...payment, body: { amount: 2 } });
    await request();
    world.skew(ms);
    (await request()).answer();
    await second;
    const later = await world.open(); // after a reload
    for (const { client } of [tab, later]) {
      expect(await client.submit(payment)).toMatchObject({ source: 'client-cache' });
      expect(await client.submit({ ...payment, body: { amount: 2 } })).toMatchObject({ source: 'client-cache' });
    }
    expect(world.sent).toHaveLength(2);
  });

  it('ends the window by the server’s clock all the same', async () => {
    const { world, tab, request, done } = await open({ clockSkew: 2 * day, windowMs: 30 * minute });
    await done();
    await world.advance(31 * minute);
    const anew = tab.client.submit(payment);
    (await request()).answer();
    expect(await anew).toMatchObject({ source: 'executed' });
    expect(new Set(world.sent.map(({ key }) => key)).size).toBe(2);
  });
});

describe('an outbox', () => {
  it('gets to every intent though a dozen of the same origin hang', async () => {
    const { world, tab } = await open({ retry: { ...retry, attemptTimeoutMs: 15_000, totalTimeoutMs: 45_000 } });
    world.online = false;
    for (let amount = 0; amount < 12; amount++) {
      await tab.client.submit({ ...payment, body: { amount } });
    }
    await tab.client.submit({ ...payment, body: 'last' });
    await tab.client.submit(other);
    world.online = true;
    void tab.client.resume();
    const answered = new Set<string>();
    for (let second = 0; second < 150 && answered.size < 2; second++) {
      await world.advance(1_000);
      for (const exchange of world.exchanges.filter(({ body }) => body === '"last"' || body.includes('990'))) {
        answered.add(exchange.body);
        exchange.answer();
      }
    }
    expect([...answered].sort()).toEqual(['"last"', '{"amount":990}']);
    await world.settle();
    const ended = (await tab.client.entries()).filter(({ state }) => state === 'succeeded');
    expect(ended).toHaveLength(2);
  });

  it('wakes by itself after a 503, without resume, focus or online', async () => {
    const { world, tab, request, states } = await open();
    const outcome = tab.client.submit(payment);
    for (let attempt = 0; attempt < retry.maxAttempts; attempt++) {
      (await request()).refuse(503);
      await world.advance(100);
    }
    expect(await outcome).toMatchObject({ source: 'queued' });
    for (let second = 0; second < 60 && world.exchanges.length === 0; second++) {
      await world.advance(1_000);
    }
    (await request()).answer();
    await world.settle();
    expect(await states()).toEqual(['succeeded']);
  });

  it('hears the browser without resume', async () => {
    const { world, tab, request, states } = await open();
    world.online = false;
    await tab.client.submit(payment);
    world.online = true;
    tab.wake();
    (await request()).answer();
    await world.settle();
    expect(await states()).toEqual(['succeeded']);
  });

  it('sends though the browser believes to be offline, once something answers', async () => {
    const { world, done } = await open({}, { believedOnline: false });
    expect(await done()).toMatchObject({ source: 'executed' });
    expect(world.sent).toHaveLength(1);
  });

  it('obeys Retry-After over ten hints, a reload and other tabs', async () => {
    const { world, tab, request } = await open();
    const outcome = tab.client.submit(payment);
    (await request()).refuse(503, { 'Retry-After': '3600' });
    expect(await outcome).toMatchObject({ source: 'queued', retryAt: new Date(world.now + 60 * minute) });
    for (let hint = 0; hint < 10; hint++) {
      tab.wake();
      await world.settle();
    }
    const reloaded = await world.open();
    await reloaded.client.resume();
    expect(await tab.client.submit(payment)).toMatchObject({ source: 'queued', attempts: 0 });
    await world.advance(59 * minute);
    expect(world.sent).toHaveLength(1);
    await world.advance(2 * minute);
    expect(world.sent.length).toBeGreaterThan(1);
  });

  it('is not held up by a Retry-After of before the clock was set back', async () => {
    const { world, tab, request } = await open();
    const outcome = tab.client.submit(payment);
    (await request()).refuse(503, { 'Retry-After': '60' });
    await outcome;
    world.skew(-9 * day);
    await world.advance(2 * minute);
    expect(world.sent.length).toBeGreaterThan(1);
  });

  it('reads a Retry-After that is a date by the server’s clock', async () => {
    const { world, tab, request } = await open({ clockSkew: -9 * day });
    const outcome = tab.client.submit(payment);
    (await request()).refuse(503, { 'Retry-After': new Date(world.start + 60 * minute).toUTCString() });
    expect(await outcome).toMatchObject({ retryAt: new Date(world.now + 60 * minute) });
  });
});

describe('an entry that cannot be read', () => {
  it('of a newer page is taken: nothing is sent, and the newer page finishes it', async () => {
    const { world, tab, request } = await open();
    const newer = await world.open({ newer: true });
    const theirs = newer.client.submit(payment);
    await request();
    const refused = await tab.client.submit(payment).catch((error) => error);
    expect(refused).toBeInstanceOf(UnreadableError);
    expect(refused).toMatchObject({ name: 'UnreadableError', key: 'key-1', newer: true });
    (await request()).answer();
    expect(await theirs).toMatchObject({ source: 'executed' });
    await expect(tab.client.submit(payment)).rejects.toThrow('newer version');
    expect(world.sent).toHaveLength(1);
    expect(tab.events.filter(({ type }) => type === 'unreadable')).toMatchObject([{ key: 'key-1', newer: true }]);
  });

  it('because it is damaged is taken until a person decides', async () => {
    const { world, tab, done, request } = await open();
    await done();
    world.corrupt(0);
    await expect(tab.client.submit(payment)).rejects.toThrow('damaged');
    expect(world.sent).toHaveLength(1);
    const meant = tab.client.submitAsNew(payment);
    (await request()).answer();
    expect(await meant).toMatchObject({ source: 'executed' });
    expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache' });
    expect(world.texts.size).toBe(1);
  });

  it('can be cleared by its key', async () => {
    const { world, tab, done } = await open();
    await done();
    world.corrupt(0);
    await tab.client.clear('key-1');
    expect(world.texts.size).toBe(0);
  });
});

describe('signing in', () => {
  it('again resumes what a 401 has blocked', async () => {
    const { world, tab, request, states } = await open({}, { signedIn: false });
    const outcome = tab.client.submit(payment);
    (await request()).answer();
    expect(await outcome).toMatchObject({ source: 'queued', blocked: true, cause: { problem: { status: 401 } } });
    tab.wake();
    await world.advance(10 * minute);
    expect(world.sent).toHaveLength(1);
    expect(await states()).toEqual(['blocked']);
    world.signedIn = true;
    const resumed = tab.client.resume();
    (await request()).answer();
    await resumed;
    expect(await states()).toEqual(['succeeded']);
    expect(world.effects).toEqual(new Map([['key-1', 1]]));
  });

  it('blocks on a 403 if the application says so', async () => {
    const classify = ({ status }: { status: number }) => (status === 403 ? ('blocked' as const) : undefined);
    const { tab, request } = await open({ classify });
    const outcome = tab.client.submit(payment);
    (await request()).refuse(403);
    expect(await outcome).toMatchObject({ blocked: true });
  });
});

describe('a mistake of the caller', () => {
  const storage = createMemoryStorage;
  const sendless = () => {
    let requests = 0;
    const platform = {
      fetch: async () => {
        requests += 1;
        return new Response('{}', { status: 201 });
      },
    };
    return { platform, requests: () => requests };
  };

  it.each([
    [
      'a function for headers that throws',
      () => {
        throw new RangeError('no token');
      },
      RangeError,
    ],
    ['one that rejects', () => Promise.reject(new RangeError('no token')), RangeError],
    ['a header outside Latin-1', () => ({ Authorization: 'Bearer €' }), TypeError],
  ])('is told, not retried, and leaves nothing behind: %s', async (_, headers, kind) => {
    const { platform, requests } = sendless();
    let calls = 0;
    const client = createClient({
      scope: 's',
      storage: storage(),
      platform,
      headers: () => {
        calls += 1;
        return headers();
      },
    });
    await expect(client.submit(payment)).rejects.toThrow(kind);
    expect([calls, requests()]).toEqual([1, 0]);
    expect(await client.entries()).toEqual([]);
    await expect(client.send(await client.prepare(payment))).rejects.toThrow(kind);
    expect(requests()).toBe(0);
  });

  it.each([
    ['GET', { ...payment, method: 'GET' }],
    ['a malformed URL', { ...payment, url: 'https://[' }],
    ['a method that fetch forbids', { ...payment, method: 'TRACE' }],
    ['FormData', { ...payment, body: new FormData() }],
    ['FormData within', { ...payment, body: { form: new FormData() } }],
    ['a Map', { ...payment, body: new Map([['amount', 1]]) }],
    ['bytes', { ...payment, body: new Uint8Array(3) }],
    ['NaN', { ...payment, body: { amount: Number.NaN } }],
    ['a function within', { ...payment, body: { amount: 1, total: () => 1 } }],
    ['a symbol within', { ...payment, body: [Symbol('1')] }],
    ['an integer that JavaScript has rounded', { ...payment, body: { amount: 2 ** 53 } }],
    ['half a character', { ...payment, body: '\ud800' }],
    ['an empty key', { ...payment, key: '' }],
    ['a key that is no ASCII', { ...payment, key: 'é' }],
  ])('is a TypeError, and nothing is sent: %s', async (_, request) => {
    const { platform, requests } = sendless();
    const client = createClient({ scope: 's', storage: storage(), platform });
    await expect(client.submit(request)).rejects.toThrow(TypeError);
    expect(requests()).toBe(0);
    expect(await client.entries()).toEqual([]);
  });

  it('in classify is told, and the intent goes on', async () => {
    let broken = true;
    const classify = () => {
      if (broken) {
        throw new RangeError('broken');
      }
      return 'retry' as const;
    };
    const { tab, request, states } = await open({ classify });
    const outcome = expect(tab.client.submit(payment)).rejects.toThrow(RangeError);
    (await request()).refuse(400);
    await outcome;
    expect(await states()).toEqual(['queued']);
    broken = false;
    const resumed = tab.client.resume();
    (await request()).answer();
    await resumed;
    expect(await states()).toEqual(['succeeded']);
  });

  it('is told at construction', () => {
    expect(() => createClient({ scope: 's' } as never)).toThrow('storage');
    expect(() => createClient({ scope: 's', storage: storage(), dedupeFor: 0 })).toThrow(RangeError);
  });

  it('with asynchronous headers is none: they are sent', async () => {
    const seen: (string | null)[] = [];
    const client = createClient({
      scope: 's',
      storage: storage(),
      headers: async () => ({ Authorization: 'Bearer 1', 'content-type': 'application/vnd.api+json' }),
      platform: {
        fetch: async (_, { headers }) => {
          seen.push(new Headers(headers).get('Authorization'), new Headers(headers).get('Content-Type'));
          return new Response('{}', { status: 201 });
        },
      },
    });
    await client.submit(payment);
    expect(seen).toEqual(['Bearer 1', 'application/vnd.api+json']);
  });
});

describe('what waits has an end', () => {
  it('a submission heeds its signal while another holds the lock, and gives up by itself', async () => {
    const { world, tab } = await open();
    const holder = await world.open();
    const holding = holder.client.submit(payment);
    holding.catch(() => {});
    await world.settle();
    const controller = new AbortController();
    const waiting = expect(tab.client.submit(payment, { signal: controller.signal })).rejects.toThrow('enough');
    await world.settle();
    controller.abort(new Error('enough'));
    await waiting;
  });

  it('a submission that another page holds for ever comes out as queued', async () => {
    const never = {
      request: (
        _: string,
        { ifAvailable, signal }: { ifAvailable?: boolean; signal?: AbortSignal },
        task: (held: boolean) => unknown,
      ) =>
        ifAvailable
          ? task(false)
          : new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    };
    const { world, tab } = await open({ platform: { locks: never as never } });
    const outcome = tab.client.submit(payment);
    await world.advance(46_000);
    expect(await outcome).toMatchObject({ source: 'queued', attempts: 0 });
  });

  it('wait() learns of the end without a message', async () => {
    const { world, tab, request } = await open({}, { sharedChannel: false });
    const sender = await world.open();
    const sending = sender.client.submit(payment);
    await request();
    const waiting = tab.client.wait('key-1');
    await world.settle();
    (await request()).answer();
    await sending;
    await world.advance(2_000);
    expect(await waiting).toMatchObject({ source: 'client-cache' });
  });

  it('wait() brings about the end itself if the other tab died', async () => {
    const { world, tab, request } = await open({}, { sharedChannel: false });
    const sender = await world.open();
    void sender.client.submit(payment);
    await request();
    const waiting = tab.client.wait('key-1');
    await world.settle();
    sender.crash();
    world.exchanges = [];
    await world.advance(2 * minute);
    (await request()).answer();
    await world.advance(2_000);
    expect(await waiting).toMatchObject({ source: 'client-cache' });
  });

  it('an infinite timeout is one', async () => {
    const client = createClient({
      scope: 's',
      storage: storage(),
      windowMs: 30 * day,
      retry: { attemptTimeoutMs: Infinity, totalTimeoutMs: Infinity },
      platform: {
        fetch: (_, { signal }) =>
          new Promise((resolve, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason));
            setTimeout(() => resolve(new Response('{}', { status: 201 })), 50);
          }),
      },
    });
    expect(await client.submit(payment)).toMatchObject({ source: 'executed', attempts: 1 });
  });

  const storage = createMemoryStorage;
});

describe('a recorded refusal', () => {
  it('ends its intent: asked again after topping up, it is another', async () => {
    const { world, tab, request, done } = await open();
    const refused = expect(tab.client.submit(payment)).rejects.toThrow(ProblemError);
    (await request()).refuse(402);
    await refused;
    expect(await done()).toMatchObject({ source: 'executed', intent: { key: 'key-2' } });
    expect(world.effects).toEqual(new Map([['key-2', 1]]));
  });

  it.each([
    ['a validation', 422, {}],
    ['an unknown outcome', 409, { 'Idempotent-Replayed': 'true' }],
    ['a response that was not kept', 410, { 'Idempotent-Replayed': 'true' }],
  ])('is not %s: the key stays', async (_, status, headers) => {
    const { tab, request, done } = await open();
    const refused = expect(tab.client.submit(payment)).rejects.toThrow(ProblemError);
    (await request()).refuse(status, headers);
    await refused;
    expect(await done()).toMatchObject({ intent: { key: 'key-1' } });
  });
});

describe('a response', () => {
  it('that redirects is no success, and is not followed', async () => {
    const modes: unknown[] = [];
    const client = createClient({
      scope: 's',
      storage: createMemoryStorage(),
      platform: {
        fetch: async (_, { redirect }) => {
          modes.push(redirect);
          return new Response(null, { status: 302, headers: { Location: '/login' } });
        },
      },
    });
    await expect(client.submit(payment)).rejects.toMatchObject({ name: 'ProblemError', problem: { status: 302 } });
    expect(modes).toEqual(['manual']);
  });

  it('too large to store is final: it is never asked for again', async () => {
    const { world, tab, request, done } = await open({ limits: { bytes: 2_000 } });
    await done({ ...payment, body: { amount: 1 } });
    const outcome = tab.client.submit(payment);
    (await request()).refuse(201, {}, 'x'.repeat(2_100));
    expect(await outcome).toMatchObject({ source: 'executed', complete: true });
    tab.crash();
    const next = await world.open();
    await next.client.resume();
    const again = await next.client.submit(payment);
    expect(again).toMatchObject({ source: 'client-cache', status: 201, complete: false });
    expect('json' in again && (() => again.json())).toThrow(SyntaxError);
    await expect(next.client.send(again.intent)).rejects.toThrow('no longer stored');
    expect(world.sent).toHaveLength(2);
  });
});

describe('what the caller chooses', () => {
  it('a key of their own counts for the whole window, whatever dedupeFor says', async () => {
    const { world, tab, done, request } = await open({ dedupeFor: 10 * minute });
    const invoice = { ...payment, key: 'invoice-4711' };
    expect(await done(invoice)).toMatchObject({ intent: { key: 'invoice-4711' } });
    await world.advance(60 * minute);
    expect(await tab.client.submit(invoice)).toMatchObject({ source: 'client-cache' });
    const next = tab.client.submit({ ...payment, key: 'invoice-4712' });
    (await request()).answer();
    expect(await next).toMatchObject({ source: 'executed', intent: { key: 'invoice-4712' } });
  });

  it('dedupeFor makes the same a new intent after a while', async () => {
    const { world, tab, done } = await open({ dedupeFor: 10 * minute });
    await done();
    await world.advance(9 * minute);
    expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache' });
    await world.advance(2 * minute);
    expect(await done()).toMatchObject({ source: 'executed' });
    expect(world.effects.size).toBe(2);
  });

  it('meta lies beside the intent, and is neither sent nor part of what is asked', async () => {
    const { world, tab, done } = await open();
    await done({ ...payment, meta: { basket: 7 } });
    expect((await tab.client.entries())[0]?.intent.meta).toEqual({ basket: 7 });
    expect(await tab.client.submit({ ...payment, meta: 'other' })).toMatchObject({ source: 'client-cache' });
    expect(world.sent[0]?.body).toBe('{"amount":1250}');
  });

  it('after lets an intent wait for another to succeed', async () => {
    const { world, tab, request, states } = await open();
    const first = tab.client.submit({ ...payment, key: 'customer' });
    expect(await tab.client.submit({ ...other, after: 'customer' })).toMatchObject({ source: 'queued', attempts: 0 });
    await world.advance(10 * minute);
    expect(world.sent.every(({ key }) => key === 'customer')).toBe(true);
    expect(await first).toMatchObject({ source: 'queued' });
    for (let second = 0; second < 60 && world.exchanges.length === 0; second++) {
      await world.advance(1_000);
    }
    (await request()).answer();
    (await request()).answer();
    await world.settle();
    expect(await states()).toEqual(['succeeded', 'succeeded']);
  });

  it('after blocks an intent if the other fails, and clearing the other clears it, too', async () => {
    const { world, tab, request, states } = await open();
    const first = expect(tab.client.submit({ ...payment, key: 'customer' })).rejects.toThrow(ProblemError);
    const second = await tab.client.submit({ ...other, after: 'customer' });
    (await request()).refuse(422);
    await first;
    await tab.client.resume();
    expect(await states()).toEqual(['failed', 'blocked']);
    expect(world.sent).toHaveLength(1);
    await tab.client.clear('customer');
    expect(await tab.client.entries()).toEqual([]);
    await expect(tab.client.wait(second.intent.key)).rejects.toThrow('cleared');
  });
});

describe('scopes', () => {
  /** Clients on one device with a true time, and a clock that may be wrong. */
  const device = () => {
    const storage = createMemoryStorage();
    const clocks = { time: Date.parse('2026-01-01T00:00:00Z'), skew: 0 };
    const fetch = async () =>
      new Response('{"secret":1}', { status: 201, headers: { Date: new Date(clocks.time).toUTCString() } });
    const clientOf = (scope: string, platform: Partial<Platform> = {}) =>
      createClient({
        scope,
        storage,
        retry: { maxAttempts: 1 },
        platform: { now: () => clocks.time + clocks.skew, fetch, ...platform },
      });
    const settle = () => new Promise((resolve) => setTimeout(resolve));
    return { storage, clocks, clientOf, settle };
  };

  it('that were not in use for a window are cleared, and others are left alone', async () => {
    const { storage, clocks, clientOf, settle } = device();
    await clientOf('anna').submit(payment);
    await settle();
    clocks.time += 20 * 60 * minute;
    await clientOf('ben').submit(payment);
    await settle();
    expect(await storage.scopes?.()).toHaveLength(2);
    clocks.time += 20 * 60 * minute;
    const events: ClientEvent[] = [];
    const third = clientOf('carla');
    third.subscribe((event) => events.push(event));
    await third.submit(payment);
    await settle();
    expect(await storage.scopes?.()).toHaveLength(2);
    expect(await clientOf('anna').entries()).toEqual([]);
    expect(events.filter(({ type }) => type === 'background-error')).toEqual([]);
  });

  it('are not cleared by a clock that is wrong', async () => {
    const { clocks, clientOf, settle } = device();
    const offline = async () => Promise.reject(new TypeError('Failed to fetch'));
    await clientOf('anna').submit(payment);
    expect(await clientOf('anna', { fetch: offline }).submit({ ...payment, body: { amount: 2 } })).toMatchObject({
      source: 'queued',
    });
    await settle();
    clocks.skew = 9 * day;
    for (const fetch of [offline, undefined]) {
      await clientOf('ben', fetch && { fetch }).submit(payment);
      await settle();
    }
    clocks.skew = 0;
    expect((await clientOf('anna').entries()).map(({ state }) => state).sort()).toEqual(['queued', 'succeeded']);
  });
});

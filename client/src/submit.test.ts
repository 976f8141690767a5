// @vitest-environment node
import { beforeEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { ProblemError, WindowPassedError } from './errors.ts';
import type { IntentRequest } from './intent.ts';
import { createMemoryStorage } from './storage-memory.ts';
import { type Exchange, Simulation, type Tab } from './testing/simulation.ts';

const hour = 60 * 60 * 1_000;
const payment: IntentRequest = { url: 'https://api.example/payments', body: { amount: 1250 } };
const retry = { maxAttempts: 2, baseDelayMs: 100, maxDelayMs: 100 };

let world: Simulation;
let tab: Tab;

beforeEach(async () => {
  world = new Simulation({ retry });
  tab = await world.open();
});

/** The only request that is under way. */
async function request(): Promise<Exchange> {
  await expect.poll(async () => world.exchanges.length).toBe(1);
  return world.exchanges[0] as Exchange;
}

/** Lets all of the retries be lost. */
async function loseAll(): Promise<void> {
  for (let attempt = 1; attempt <= retry.maxAttempts; attempt++) {
    (await request()).lose();
    await world.advance(1_000);
  }
}

/** Submits and has it answered. */
async function done(from = tab) {
  const outcome = from.client.submit(payment);
  (await request()).answer();
  return outcome;
}

const statesOf = ({ events }: Tab) => events.flatMap((event) => (event.type === 'state' ? [event.state] : []));

describe('a submission', () => {
  it('is written down, sent and answered', async () => {
    const outcome = await done();
    expect(outcome).toMatchObject({ source: 'executed', status: 201, attempts: 1 });
    expect(statesOf(tab)).toEqual(['pending', 'in-flight', 'succeeded']);
    expect(world.effects).toEqual(new Map([['key-1', 1]]));
  });

  it('has stored key, fingerprint, bytes and the time of the first send before the first byte leaves', async () => {
    const seen: unknown[] = [];
    world.onSend = (_, stored) => seen.push(stored);
    const outcome = await done();
    expect(seen).toMatchObject([
      { state: 'in-flight', intent: { key: 'key-1', fingerprint: outcome.intent.fingerprint } },
    ]);
    expect(seen).toMatchObject([{ intent: { body: outcome.intent.body, firstSentAt: world.start } }]);
  });

  it('sends nothing where it cannot be written down', async () => {
    const storage = createMemoryStorage();
    storage.update = () => Promise.reject(new Error('read-only'));
    let sent = 0;
    const platform = {
      fetch: async () => {
        sent += 1;
        return new Response('{}');
      },
    };
    const client = createClient({ scope: 's', storage, platform });
    await expect(client.submit(payment)).rejects.toThrow('read-only');
    expect(sent).toBe(0);
    client.close();
  });

  it('stores no header that it was given, and of an answer only those that it may', async () => {
    world = new Simulation({ headers: () => ({ Authorization: 'Bearer secret' }) });
    tab = await world.open();
    const outcome = tab.client.submit(payment);
    (await request()).refuse(200, { 'Set-Cookie': 'secret=1', 'X-Token': 'secret', ETag: '"1"' });
    await outcome;
    const [entry] = await tab.client.entries();
    expect([...(entry?.response?.headers ?? [])]).toEqual([
      ['content-type', 'application/json'],
      ['etag', '"1"'],
    ]);
    expect([...world.texts].join()).not.toContain('secret');
    expect([...world.texts].join()).not.toContain('s-1');
  });

  it('tells attempts and answers as they happen', async () => {
    const outcome = tab.client.submit(payment);
    (await request()).refuse(503, { 'Retry-After': '1' });
    await world.settle();
    await world.advance(1_050);
    (await request()).answer();
    await outcome;
    expect(tab.events.filter(({ type }) => type === 'attempt' || type === 'response')).toMatchObject([
      { type: 'attempt', id: 1, attempt: 1, key: 'key-1' },
      { type: 'response', id: 1, attempt: 1, status: 503, retryInMs: 1_050, problem: { status: 503 } },
      { type: 'attempt', id: 2, attempt: 2, at: world.start + 1_050 },
      { type: 'response', id: 2, attempt: 2, status: 201, source: 'executed', latencyMs: 0 },
    ]);
  });

  it('goes on though a listener throws', async () => {
    const quiet = console.error;
    console.error = () => {};
    tab.client.subscribe(() => {
      throw new Error('cannot draw');
    });
    expect(await done()).toMatchObject({ source: 'executed' });
    console.error = quiet;
  });
});

describe('a duplicate', () => {
  it('of a finished intent is answered from the cache, byte for byte, without network', async () => {
    const first = await done();
    const again = await tab.client.submit(payment);
    expect(again).toMatchObject({ source: 'client-cache', status: 201, attempts: 0, intent: { key: 'key-1' } });
    expect(again).toMatchObject({ body: 'body' in first && first.body });
    expect(world.sent).toHaveLength(1);
    expect(tab.events.at(-1)).toMatchObject({ type: 'cached', key: 'key-1' });
  });

  it.each([['this tab'], ['another tab']])('of an intent under way in %s joins it', async (where) => {
    const other = where === 'this tab' ? tab : await world.open();
    const first = tab.client.submit(payment);
    await request();
    const second = other.client.submit({ ...payment });
    await world.settle();
    (await request()).answer();
    expect(await first).toMatchObject({ source: 'executed', intent: { key: 'key-1' } });
    expect(await second).toMatchObject({ source: 'client-cache', intent: { key: 'key-1' } });
    expect(world.sent).toHaveLength(1);
  });

  it('at the very same moment, twice in each of two tabs, is one intent', async () => {
    const tabs = [tab, tab, await world.open(), await world.open()];
    const drafts = await Promise.all(tabs.map(({ client }) => client.prepare(payment)));
    const outcomes = Promise.all(tabs.map(({ client }, index) => client.submit(drafts[index] ?? payment)));
    (await request()).answer();
    expect(new Set((await outcomes).map(({ intent }) => intent.key))).toHaveLength(1);
    expect(world.sent).toHaveLength(1);
  });

  it('joins a failure as well, and a wait', async () => {
    const submissions = [tab.client.submit(payment), tab.client.submit(payment)];
    (await request()).refuse(402);
    const failures = await Promise.allSettled(submissions);
    expect(failures).toMatchObject([
      { reason: { problem: { status: 402 } } },
      { reason: { problem: { status: 402 } } },
    ]);

    const waiting = [tab.client.submit(payment), tab.client.submit(payment)];
    await loseAll();
    expect(await Promise.all(waiting)).toMatchObject([{ source: 'queued' }, { source: 'queued' }]);
    expect(world.sent).toHaveLength(1 + retry.maxAttempts);
  });

  it('of another scope is no duplicate', async () => {
    await done();
    const other = createClient({ scope: 's-2', storage: createMemoryStorage() });
    expect(await other.entries()).toEqual([]);
    const theirs = await other.prepare(payment);
    await expect(tab.client.submit(theirs)).rejects.toThrow(TypeError);
  });

  it('that is meant is sent, with a key of its own', async () => {
    await done();
    const meant = tab.client.submitAsNew(payment);
    (await request()).answer();
    expect(await meant).toMatchObject({ source: 'executed', intent: { key: 'key-2' } });
    expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache', intent: { key: 'key-2' } });
    expect(world.effects.size).toBe(2);
  });

  it('that was prepared is submitted with the key that it has, once', async () => {
    await done();
    const draft = await tab.client.prepare(payment);
    const meant = [tab.client.submitAsNew(draft), tab.client.submitAsNew(draft)];
    (await request()).answer();
    expect((await Promise.all(meant)).map(({ intent }) => intent.key)).toEqual([draft.key, draft.key]);
    expect(world.effects.get(draft.key)).toBe(1);
  });

  it('of a failed intent is sent again as it is', async () => {
    const refused = tab.client.submit(payment);
    (await request()).refuse(422);
    await expect(refused).rejects.toThrow(ProblemError);
    expect(await done()).toMatchObject({ source: 'executed', intent: { key: 'key-1' } });
    expect(new Set(world.sent.map(({ key, body }) => key + body))).toHaveLength(1);
  });
});

describe('a reload', () => {
  it('in mid-flight resumes with the same key and the same bytes', async () => {
    void tab.client.submit(payment);
    await request();
    tab.crash();
    world.exchanges[0]?.loseAnswer();

    const next = await world.open();
    const resumed = next.client.resume();
    const waiting = next.client.wait('key-1');
    (await request()).answer();
    await resumed;
    expect(await waiting).toMatchObject({ source: 'client-cache', status: 201 });
    expect(world.sent[1]).toEqual(world.sent[0]);
    expect(world.effects).toEqual(new Map([['key-1', 1]]));
    expect(next.events.find(({ type }) => type === 'response')).toMatchObject({ source: 'server-replay' });
  });

  it('between writing down and sending resumes too', async () => {
    world.onStored = () => tab.crash();
    void tab.client.submit(payment);
    await expect.poll(() => world.texts.size).toBe(1);
    expect(world.sent).toEqual([]);
    world.onStored = () => {};
    const next = await world.open();
    const resumed = next.client.resume();
    (await request()).answer();
    await resumed;
    expect(world.effects).toEqual(new Map([['key-1', 1]]));
  });

  it('keeps what is finished', async () => {
    await done();
    tab.crash();
    const next = await world.open();
    await next.client.resume();
    expect(await next.client.submit(payment)).toMatchObject({ source: 'client-cache' });
    expect(world.sent).toHaveLength(1);
  });

  it('leaves alone what another tab is sending', async () => {
    const first = tab.client.submit(payment);
    await request();
    const other = await world.open();
    await other.client.resume();
    expect(world.sent).toHaveLength(1);
    (await request()).answer();
    expect(await first).toMatchObject({ source: 'executed' });
  });
});

describe('offline', () => {
  const order = (amount: number) => ({ ...payment, body: { amount } });

  it('queues without an attempt, and delivers oldest first once the network is back', async () => {
    await tab.client.resume();
    world.online = false;
    for (const amount of [3, 1, 2]) {
      expect(await tab.client.submit(order(amount))).toMatchObject({ source: 'queued', attempts: 0 });
      await world.advance(1);
    }
    tab.wake();
    await world.settle();
    expect(world.sent).toHaveLength(0);
    world.online = true;
    tab.wake();
    await world.settle();
    expect(world.exchanges.map(({ body }) => body)).toEqual(['{"amount":3}', '{"amount":1}', '{"amount":2}']);
    for (const exchange of world.exchanges) {
      exchange.answer();
    }
    await world.settle();
    expect((await tab.client.entries()).map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  });

  it('answers what is known from the cache', async () => {
    await done();
    world.online = false;
    expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache' });
  });

  it('is drained by one tab, however many wake', async () => {
    world.online = false;
    await tab.client.submit(payment);
    const others = [await world.open(), await world.open()];
    world.online = true;
    const resumed = [tab, ...others].map(({ client }) => client.resume());
    (await request()).answer();
    await Promise.all(resumed);
    expect(world.sent).toHaveLength(1);
  });

  it('of the network while the browser thinks otherwise queues as well, after all retries', async () => {
    const outcome = tab.client.submit(payment);
    await loseAll();
    expect(await outcome).toMatchObject({ source: 'queued', attempts: 2, cause: { name: 'NetworkError' } });
    expect(await tab.client.usage()).toMatchObject({ entries: 1, unfinished: 1 });
  });

  it('holds up no other intent by one that is lost, refused or hangs', async () => {
    world.online = false;
    for (const amount of [1, 2, 3, 4]) {
      await tab.client.submit(order(amount));
      await world.advance(1);
    }
    world.online = true;
    void tab.client.resume();
    await world.settle();
    const [lost, refused, hanging, last] = world.exchanges;
    lost?.lose();
    refused?.refuse(500);
    last?.answer();
    await world.settle();
    expect(hanging?.body).toBe('{"amount":3}');
    expect((await tab.client.entries()).map(({ state }) => state)).toEqual([
      'in-flight',
      'in-flight',
      'in-flight',
      'succeeded',
    ]);
  });

  it('lets another tab wait for what this one delivers', async () => {
    world.online = false;
    const { intent } = await tab.client.submit(payment);
    const other = await world.open();
    const waiting = other.client.wait(intent.key);
    world.online = true;
    const resumed = tab.client.resume();
    (await request()).answer();
    await resumed;
    expect(await waiting).toMatchObject({ source: 'client-cache', status: 201 });
    expect(other.events.filter(({ type }) => type === 'state')).toMatchObject([
      { state: 'in-flight', remote: true },
      { state: 'succeeded', remote: true },
    ]);
  });
});

describe('the window', () => {
  beforeEach(async () => {
    world = new Simulation({ retry, windowMs: hour });
    tab = await world.open();
  });

  const lostFor = async (ms: number) => {
    const outcome = tab.client.submit(payment);
    await loseAll();
    await outcome;
    await world.advance(ms);
  };

  it('once passed without an answer stops everything and asks', async () => {
    await lostFor(hour);
    await tab.client.resume();
    await expect(tab.client.submit(payment)).rejects.toThrow(WindowPassedError);
    expect(new Set(world.sent.map(({ key }) => key)).size).toBe(1);
    expect(await tab.client.entries()).toMatchObject([{ state: 'expired' }]);
  });

  it('once passed leaves the decision to a person', async () => {
    await lostFor(hour);
    await expect(tab.client.submit(payment)).rejects.toThrow(WindowPassedError);
    const meant = tab.client.submitAsNew(payment);
    (await request()).answer();
    await meant;
    expect(await tab.client.entries()).toMatchObject([{ state: 'succeeded', intent: { key: 'key-3' } }]);
  });

  it('does not open again where the clock is set back', async () => {
    await lostFor(hour - 10_000);
    const outcome = tab.client.submit(payment);
    await request();
    await world.advance(10_000); // the attempt ends with the window
    expect(await outcome).toMatchObject({ source: 'queued' });
    const { length } = world.sent;
    world.skew(-0.8 * hour);
    await tab.client.resume();
    expect(world.sent).toHaveLength(length);
    expect(await tab.client.entries()).toMatchObject([{ state: 'expired' }]);
  });

  it('does not run for what was never sent', async () => {
    world.online = false;
    await tab.client.submit(payment);
    await world.advance(2 * hour);
    world.online = true;
    const resumed = tab.client.resume();
    (await request()).answer();
    await resumed;
    expect(await tab.client.entries()).toMatchObject([{ state: 'succeeded' }]);
  });

  it('ends the life of an answer when the server says so', async () => {
    const outcome = tab.client.submit(payment);
    const expires = new Date(world.now + hour).toUTCString();
    (await request()).refuse(201, { 'Idempotency-Expires': expires });
    await outcome;
    await world.advance(hour - 1);
    expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache', expires: new Date(expires) });
    await world.advance(1);
    expect(await tab.client.entries()).toEqual([]);
    const anew = tab.client.submit(payment);
    (await request()).answer();
    expect((await anew).intent.key).not.toBe('key-1');
  });
});

describe('an abort', () => {
  it('ends the wait, and the intent goes on', async () => {
    const controller = new AbortController();
    const outcome = tab.client.submit(payment, { signal: controller.signal });
    const exchange = await request();
    controller.abort(new Error('not waiting'));
    await expect(outcome).rejects.toThrow('not waiting');
    exchange.answer();
    await world.settle();
    expect(await tab.client.submit(payment)).toMatchObject({ source: 'client-cache' });
  });

  it('before the start leaves nothing behind', async () => {
    await expect(tab.client.submit(payment, { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(world.texts.size).toBe(0);
  });
});

describe('clearing', () => {
  it('forgets one, or everything', async () => {
    await done();
    const meant = tab.client.submitAsNew(payment);
    (await request()).answer();
    await meant;
    await tab.client.clear('key-1');
    expect(await tab.client.entries()).toMatchObject([{ intent: { key: 'key-2' } }]);
    await tab.client.clear();
    expect(world.texts.size).toBe(0);
    expect(tab.events.filter(({ type }) => type === 'forgotten')).toMatchObject([
      { key: 'key-1', reason: 'cleared' },
      { reason: 'cleared' },
    ]);
  });

  it.each([['this tab'], ['another tab']])(
    'from %s stops what is under way, and it does not come back',
    async (where) => {
      const other = where === 'this tab' ? tab : await world.open();
      const outcome = tab.client.submit(payment);
      const rejected = expect(outcome).rejects.toThrow('cleared');
      await request();
      await other.client.clear();
      await rejected;
      await world.settle();
      expect(world.exchanges).toEqual([]);
      expect(world.texts.size).toBe(0);
    },
  );

  it('ends the wait of whoever waits', async () => {
    world.online = false;
    const { intent } = await tab.client.submit(payment);
    const waiting = expect(tab.client.wait(intent.key)).rejects.toThrow('cleared');
    await world.settle();
    await tab.client.clear(intent.key);
    await waiting;
    await expect(tab.client.wait('nobody')).rejects.toThrow('cleared');
  });
});

describe('a closed client', () => {
  it('hears and starts nothing more, until it resumes', async () => {
    await tab.client.resume();
    world.online = false;
    await tab.client.submit(payment);
    world.online = true;
    tab.client.close();
    tab.wake();
    await world.advance(hour);
    expect(world.sent).toEqual([]);
    const resumed = tab.client.resume();
    (await request()).answer();
    await resumed;
    expect(await tab.client.entries()).toMatchObject([{ state: 'succeeded' }]);
  });
});

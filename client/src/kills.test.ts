// @vitest-environment node
import { describe, expect, it } from 'vitest';
import type { IntentRequest } from './intent.ts';
import { isUnfinished } from './state.ts';
import { type Exchange, Simulation, type Tab } from './testing/simulation.ts';

/*
 * Stories in which the tab is killed at every call that it makes of its storage and its network, before and after the
 * call has taken effect. Whatever was written down is carried out by the next page, once and under one key.
 */

const payment: IntentRequest = { url: 'https://api.example/payments', body: { amount: 1250 } };
const second: IntentRequest = { url: 'https://other.example/payments', body: { amount: 990 } };

/** What the person and the server do; the tab may die on the way, and then nothing more happens to it. */
type Story = (world: Simulation, tab: Tab) => Promise<void>;

const next = async (world: Simulation): Promise<Exchange | undefined> => {
  await world.settle();
  return world.exchanges[0];
};

const stories: Readonly<Record<string, Story>> = {
  'a payment': async (world, tab) => {
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.answer();
  },
  'a response that is lost': async (world, tab) => {
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.loseAnswer();
    await world.advance(1_000);
    (await next(world))?.answer();
  },
  'a double click': async (world, tab) => {
    void tab.client.submit(payment).catch(() => {});
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.answer();
  },
  'a refusal, and another try': async (world, tab) => {
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.refuse(422);
    await world.settle();
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.answer();
  },
  'a payment that is queued without network': async (world, tab) => {
    world.online = false;
    void tab.client.submit(payment).catch(() => {});
    await world.settle();
    world.online = true;
    tab.wake();
    (await next(world))?.answer();
  },
  'a server that asks to wait': async (world, tab) => {
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.refuse(503, { 'Retry-After': '60' });
    await world.advance(65_000);
    (await next(world))?.answer();
  },
  'a sign-in that has run out': async (world, tab) => {
    world.signedIn = false;
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.answer();
    await world.settle();
    world.signedIn = true;
    void tab.client.resume().catch(() => {});
    (await next(world))?.answer();
  },
  'an intent that follows another': async (world, tab) => {
    void tab.client.submit({ ...payment, key: 'first' }).catch(() => {});
    void tab.client.submit({ ...second, after: 'first' }).catch(() => {});
    (await next(world))?.answer();
    (await next(world))?.answer();
  },
  'a response that is too large to store': async (world, tab) => {
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.answer('x'.repeat(3_000));
  },
  'a response that makes room': async (world, tab) => {
    for (const request of [payment, second, { ...payment, body: 3 }]) {
      void tab.client.submit(request).catch(() => {});
      (await next(world))?.answer('x'.repeat(700));
      await world.settle();
    }
  },
  'a clock that is set while a request is under way': async (world, tab) => {
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.answer();
    await world.settle();
    void tab.client.submit(second).catch(() => {});
    await world.settle();
    world.skew(9 * 86_400_000);
    (await next(world))?.answer();
  },
  'a storage that fails now and then': async (world, tab) => {
    tab.breakAt(4, 'after');
    void tab.client.submit(payment).catch(() => {});
    (await next(world))?.answer();
    await world.settle();
    void tab.client.resume().catch(() => {});
    (await next(world))?.answer();
  },
};

/** Plays a story and kills the tab at that call. Reports whether it died. */
async function kill(story: Story, call: number, when: 'before' | 'after'): Promise<boolean> {
  const world = new Simulation({ limits: { bytes: 2_000 }, retry: { maxAttempts: 2, baseDelayMs: 100 } });
  const keys = new Map<string, Set<string>>();
  world.onSend = ({ key, body }) => keys.set(body, (keys.get(body) ?? new Set()).add(key));
  const tab = await world.open();
  tab.crashAt(call, when);
  await story(world, tab);
  await world.settle();
  const died = !tab.alive;
  tab.crash();

  Object.assign(world, { exchanges: [], online: true, signedIn: true });
  const after = await world.open();
  let over = false;
  void after.client.resume().then(() => {
    over = true;
  });
  while (!over) {
    await world.settle();
    world.exchanges[0]?.answer();
  }
  for (let seconds = 0; seconds < 70; seconds += 10) {
    await world.advance(10_000);
    world.exchanges[0]?.answer();
    await world.settle();
  }
  const entries = await after.client.entries();
  expect(entries.filter(({ state }) => isUnfinished(state))).toEqual([]);
  expect([...keys.values()].map(({ size }) => size).every((size) => size === 1)).toBe(true);
  expect([...world.effects.values()].every((times) => times === 1)).toBe(true);
  // Asked again, what is done is not done again.
  const effects = world.effects.size;
  for (const { intent, state } of entries) {
    if (state === 'succeeded') {
      expect(await after.client.submit({ ...intent, body: new Uint8Array(1) })).toMatchObject({
        source: 'client-cache',
      });
    }
  }
  expect(world.effects.size).toBe(effects);
  after.client.close();
  return died;
}

describe.each(Object.entries(stories))('in the story of %s', (_, story) => {
  it.each(['before', 'after'] as const)(
    'a tab that is killed %s any call loses nothing and repeats nothing',
    async (when) => {
      let calls = 1;
      while (await kill(story, calls, when)) {
        calls += 1;
      }
      expect(calls).toBeGreaterThan(3);
    },
  );
});

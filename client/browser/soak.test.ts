import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { bundle, launch, Origin, paid } from './chromium.ts';
import type * as everything from './everything.ts';

/*
 * Faults at random, for minutes: tabs that are opened, reloaded and killed, a network that comes and goes, and a server
 * that fails, hangs, breaks connections before and after it has paid, and forgets who is signed in.
 * SOAK_MINUTES=… for how long, SEED=… to see the same choices again.
 */

interface Bench extends Window {
  library: typeof everything;
  client: everything.Client;
}
declare const window: Bench;

const minutes = Number(process.env.SOAK_MINUTES ?? 10);
const seed = Number(process.env.SEED ?? Date.now() % 100_000);

it(`keeps its promises for ${minutes} minutes of faults, with seed ${seed}`, async () => {
  const random = generator(seed);
  const chance = (share: number) => random() < share;
  const code = await bundle('everything.ts');
  const script = '<script type="module">import * as library from "/library.js"; window.library = library;</script>';
  const shop = new Origin({ '/': `<!doctype html><title>a shop</title>${script}`, '/library.js': code });
  await shop.listen();

  let calm = false;
  let signedIn = true;
  /** The keys under which the shop was paid, which a repeated key does not do again. */
  const effects = new Set<string>();
  const counts: Record<string, number> = {};
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const pay = (key: string) => {
    const replayed = effects.has(key);
    effects.add(key);
    const expires = new Date(Date.now() + 86_400_000).toUTCString();
    return {
      ...paid,
      headers: { 'Idempotency-Expires': expires, ...(replayed && { 'Idempotent-Replayed': 'true' }) },
    };
  };
  shop.script = async ({ key }) => {
    if (calm) {
      return pay(key);
    }
    await new Promise((resolve) => setTimeout(resolve, random() * 50));
    const choice = random();
    if (!signedIn) {
      count('401');
      return { status: 401 };
    }
    if (choice < 0.1) {
      count('503');
      return { status: 503, headers: chance(0.5) ? { 'Retry-After': '1' } : {} };
    }
    if (choice < 0.2) {
      count('hung');
      return undefined;
    }
    if (choice < 0.35) {
      count('paid, response lost');
      pay(key);
      return undefined;
    }
    count('answered');
    return pay(key);
  };

  const browser = await launch();
  const context = await browser.newContext();
  const open = async () => {
    const page = await context.newPage();
    await page.goto(`${shop.url()}/`);
    await page.evaluate(() => {
      const { createClient, createBrowserStorage } = window.library;
      window.client = createClient({
        scope: 's',
        storage: createBrowserStorage(),
        retry: { maxAttempts: 2, attemptTimeoutMs: 500, maxDelayMs: 200, baseDelayMs: 50, totalTimeoutMs: 2_000 },
      });
      void window.client.resume();
    });
    return page;
  };
  let pages: Page[] = [];
  const submitted = new Set<number>();
  const any = () => pages[Math.floor(random() * pages.length)];
  const submit = (page: Page | undefined, amount: number) => {
    submitted.add(amount);
    void page
      ?.evaluate(
        (what) => void window.client.submit({ url: '/api/payments', body: { amount: what } }).catch(() => {}),
        amount,
      )
      .catch(() => {}); // the tab has died
  };

  const end = Date.now() + minutes * 60_000;
  let amounts = 0;
  while (Date.now() < end) {
    const choice = random();
    if (pages.length === 0 || (choice < 0.05 && pages.length < 4)) {
      await context.setOffline(false);
      pages.push(await open());
      count('tab opened');
    } else if (choice < 0.1) {
      const [victim] = pages.splice(Math.floor(random() * pages.length), 1);
      await victim?.close({ runBeforeUnload: false });
      count('tab killed');
    } else if (choice < 0.15) {
      await context.setOffline(chance(0.5));
      count('network switched');
    } else if (choice < 0.2) {
      signedIn = chance(0.6);
      await any()
        ?.evaluate(() => void window.client.resume().catch(() => {}))
        .catch(() => {});
      count('sign-in switched');
    } else if (choice < 0.4) {
      amounts += 1;
      submit(any(), amounts);
      submit(any(), amounts);
      count('submitted twice');
    } else {
      submit(any(), 1 + Math.floor(random() * Math.max(1, amounts)));
      count('submitted again');
    }
    await new Promise((resolve) => setTimeout(resolve, random() * 60));
  }

  calm = true;
  signedIn = true;
  await context.setOffline(false);
  await Promise.all(pages.map((page) => page.close({ runBeforeUnload: false })));
  pages = [await open()];
  const [page] = pages as [Page];
  const unfinished = () =>
    page.evaluate(async () => {
      await window.client.resume();
      return (await window.client.usage()).unfinished;
    });
  await expect.poll(unfinished, { timeout: 60_000, interval: 1_000 }).toBe(0);
  const states = await page.evaluate(async () => (await window.client.entries()).map(({ state }) => state));
  await browser.close();
  await shop.close();

  console.log(JSON.stringify({ seed, minutes, intents: states.length, requests: shop.calls.length, ...counts }));
  const keysOf = new Map<string, Set<string>>();
  for (const { body, key } of shop.calls) {
    keysOf.set(body, (keysOf.get(body) ?? new Set()).add(key));
  }
  expect(
    [...keysOf].filter(([, keys]) => keys.size !== 1),
    'intents with more keys than one',
  ).toEqual([]);
  expect(states.every((state) => state === 'succeeded')).toBe(true);
  expect(effects.size).toBe(states.length);
});

/** Numbers in [0, 1) that look random: the same for the same seed. */
function generator(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

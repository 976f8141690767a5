import type { Browser, BrowserContext, Frame } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundle, launch, Origin, paid } from './chromium.ts';
import type * as everything from './everything.ts';

/*
 * The library where pages are not by themselves: in frames of other sites, some of which have no storage of their own.
 */

interface Bench extends Window {
  library: typeof everything;
}
declare const window: Bench;

let browser: Browser;
let context: BrowserContext;
let code: string;
let shop: Origin;
let host: Origin;

beforeAll(async () => {
  [browser, code] = await Promise.all([launch(), bundle('everything.ts')]);
});

afterAll(() => browser?.close());

beforeEach(async () => {
  const script = '<script type="module">import * as library from "/library.js"; window.library = library;</script>';
  shop = new Origin({ '/': `<!doctype html><title>a shop</title>${script}`, '/library.js': code });
  await shop.listen();
  host = new Origin({ '/': '<!doctype html><title>a host</title>' });
  await host.listen();
  context = await browser.newContext();
});

afterEach(async () => {
  await context.close();
  await Promise.all([shop.close(), host.close()]);
});

/** Opens a page of another site that frames the shop. */
async function frame(attributes = ''): Promise<Frame> {
  const page = await context.newPage();
  await page.goto(`${host.url('localhost')}/`);
  const loaded = page.waitForEvent('framenavigated', (one) => one.parentFrame() !== null);
  await page.evaluate(
    ([to, how]) => document.body.insertAdjacentHTML('beforeend', `<iframe src="${to}" ${how}></iframe>`),
    [`${shop.url()}/`, attributes] as const,
  );
  const framed = await loaded;
  await framed.waitForFunction(() => 'library' in window);
  return framed;
}

/** Pays twice in a frame, and returns where the two outcomes and the entry came from. */
const payTwice = (framed: Frame) =>
  framed.evaluate(async () => {
    const { createBrowserStorage, createClient, sha256 } = window.library;
    const client = createClient({ scope: 's', storage: createBrowserStorage(), platform: { sha256 } });
    void client.resume();
    const payment = { url: '/api/payments', body: { amount: 1 } };
    try {
      const sources = [(await client.submit(payment)).source, (await client.submit(payment)).source];
      return [...sources, (await client.entries())[0]?.storage];
    } catch (error) {
      return [String(error)];
    }
  });

describe('a frame of another site pays once', () => {
  it('where the browser denies it storage and locks', async () => {
    const [first, second, storage] = await payTwice(await frame());
    expect([first, second]).toEqual(['executed', 'client-cache']);
    // Chromium denies both unless it is told to give each site that frames the shop a storage of its own.
    expect(storage).toMatch(/^(memory|indexedDB)$/);
    expect(shop.calls).toHaveLength(1);
  });

  it('where it has no origin', async () => {
    shop.script = () => ({ ...paid, headers: { 'Access-Control-Allow-Origin': '*' } });
    expect(await payTwice(await frame('sandbox="allow-scripts"'))).toEqual(['executed', 'client-cache', 'memory']);
    expect(shop.calls).toHaveLength(1);
  });
});

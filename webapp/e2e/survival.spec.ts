import type { BrowserContext, Page } from '@playwright/test';
import { DemoPage, expect, test } from './test.ts';

// Whatever happens to the page: an intent that was submitted is carried out, and once.
test.use({ expectedStatuses: [404, 409, 500] });

/** Every scenario, the way that promises something. */
const scenarios: readonly (readonly [id: string, title: string, way: string])[] = [
  ['burst', 'Burst of duplicates', 'With a key'],
  ['double-click', 'Double click', 'With a key'],
  ['lost-response', 'Lost response, then retry', 'With a key'],
  ['crash', 'Crash in the middle, then retry', 'With a key'],
  ['slow', 'Slow first, impatient second', 'With a key'],
  ['offline', 'Offline, reload, come back', 'With the client'],
  ['two-tabs', 'Two tabs', 'With the client'],
  ['window-passed', 'Window passed', 'With the client'],
  ['mismatch', 'Same key, another payload', 'Run'],
];

/** The moments at which the tab is killed. */
const moments: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  'as soon as the intent is written down': (page) => new DemoPage(page).stored.last().waitFor(),
  'when the first request has left': (page) => page.waitForRequest((request) => request.method() === 'POST'),
  'when the first answer has come': (page) =>
    page.waitForResponse((response) => response.request().method() === 'POST'),
};

/** All moments of all scenarios take minutes; every scenario at one of them, each moment three times, does not. */
const everyMoment = process.env.EVERY_MOMENT !== undefined;

for (const [i, [id, title, way]] of scenarios.entries()) {
  const chosen = Object.entries(moments).filter((_, at) => everyMoment || at === i % 3);
  test(`killing the tab in "${title}" loses nothing and repeats nothing`, async ({ browser, baseURL }) => {
    test.setTimeout(90_000);
    for (const [moment, comes] of chosen) {
      await test.step(moment, async () => {
        const context = await browser.newContext({ ...(baseURL && { baseURL }) });
        const page = await context.newPage();
        await page.goto(`./?scenario=${id}`);
        const come = comes(page);
        await new DemoPage(page).play(title, way);
        await come;
        await closeAll(context);

        const demo = new DemoPage(await context.newPage());
        await demo.page.goto('./');
        await expect(demo.page.getByText('Browser’s quota')).toBeVisible();
        await expect(demo.stored.getByText(/^(pending|in flight|queued)$/)).toHaveCount(0, { timeout: 40_000 });
        const { executions, effects } = await demo.activity();
        if (id === 'window-passed') {
          // Past its window an intent is left to a person, sent or not.
          expect(effects.length).toBeLessThanOrEqual(1);
        } else {
          await expect(demo.stored.getByText('succeeded')).toHaveCount(1);
          expect(effects).toHaveLength(1);
        }
        expect(new Set(executions.map(({ keyHash }) => keyHash)).size).toBe(effects.length);
        await context.close();
      });
    }
  });
}

test.describe('without network', () => {
  test.use({ cutsNetwork: true });

  test('a payment waits, outlives the tab, and is made once', async ({ page, context }) => {
    const demo = new DemoPage(page);
    await page.goto('./');
    await page.evaluate(() => navigator.serviceWorker.ready);
    await context.setOffline(true);
    await expect(page.getByText('Offline', { exact: true })).toBeVisible();
    await demo.submit.click();
    await expect(demo.results.first()).toContainText('Queued');
    await expect(demo.stored).toContainText(['queued']);
    await demo.submit.click();
    await expect(demo.results).toHaveCount(2);
    await page.reload();
    await expect(demo.results).toContainText(['Queued', 'Queued']);
    await expect(demo.stored).toContainText(['queued']);
    await page.close();

    await context.setOffline(false);
    const again = await context.newPage();
    await again.goto('./');
    const after = new DemoPage(again);
    await expect(after.results).toContainText(['Executed', 'Executed']);
    await expect(after.stored).toContainText(['succeeded']);
    // Sent by this page or, where the browser was quicker, by the service worker.
    const { executions, effects } = await after.activity();
    expect([executions.length, effects.length]).toEqual([1, 1]);
  });
});

test('a reload in mid-flight resumes with the same key', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  const keys: (string | undefined)[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST') {
      keys.push(request.headers()['idempotency-key']);
    }
  });
  await demo.play('Slow first, impatient second', 'With a key');
  await expect(demo.lanes.first()).toContainText('Sending');
  await expect.poll(() => keys.length).toBe(1);
  await page.reload();
  await expect(demo.results.last()).toContainText('Server replay', { timeout: 25_000 });
  expect(new Set(keys).size).toBe(1);
  const { effects } = await demo.activity();
  expect(effects).toHaveLength(1);
});

/** Kills every tab, without a word to its page. */
async function closeAll(context: BrowserContext): Promise<void> {
  await Promise.all(context.pages().map((page) => page.close({ runBeforeUnload: false })));
}

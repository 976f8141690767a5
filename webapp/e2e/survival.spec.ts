import type { BrowserContext, Page } from '@playwright/test';
import { DemoPage, expect, StagePage, test } from './test.ts';

// Whatever happens to the page: an intent that was submitted is carried out, and once.
test.use({ expectedStatuses: [404, 409, 422, 500] });

/** Every scenario whose second lane promises something of one payment. */
const scenarios = [
  'burst',
  'double-click',
  'lost-response',
  'crash',
  'slow',
  'offline',
  'two-tabs',
  'window-passed',
  'mismatch',
  'steps',
] as const;

/** The moments at which the tab is killed. */
const moments: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  'as soon as the run has begun': (page) => page.getByRole('button', { name: 'Pause' }).waitFor(),
  'when the first request with a key has left': (page) =>
    page.waitForRequest((request) => request.headers()['idempotency-key'] !== undefined),
  'when its answer has come': (page) =>
    page.waitForResponse((response) => response.request().headers()['idempotency-key'] !== undefined),
};

/** All moments of all scenarios take minutes; every scenario at one of them, each moment three times, does not. */
const everyMoment = process.env.EVERY_MOMENT !== undefined;

for (const [i, id] of scenarios.entries()) {
  const chosen = Object.entries(moments).filter(([, comes], at) => {
    // Without network nothing leaves in the first seconds.
    const possible = id !== 'offline' || comes === moments['as soon as the run has begun'];
    return possible && (everyMoment || at === i % 3 || id === 'offline');
  });
  test(`killing the tab in ${id} loses nothing that was sent and repeats nothing`, async ({ browser, baseURL }) => {
    for (const [moment, comes] of chosen) {
      await test.step(moment, async () => {
        const context = await browser.newContext({ ...(baseURL && { baseURL }) });
        const page = await context.newPage();
        const sessions = new Set<string>();
        context.on('request', (request) => {
          const { 'idempotency-key': key, 'demo-session': session } = request.headers();
          if (key !== undefined && session !== undefined && request.method() === 'POST') {
            sessions.add(session);
          }
        });
        await page.goto(`./?scenario=${id}`);
        const come = comes(page);
        await new StagePage(page).button.click();
        await come;
        await closeAll(context);

        const again = await context.newPage();
        await again.goto('./');
        const left = () => again.evaluate(() => localStorage.getItem('idempotent-requests.lanes'));
        await expect.poll(left).toBeNull();
        for (const session of sessions) {
          const response = await again.request.get('./api/executions', { headers: { 'Demo-Session': session } });
          const { effects } = await response.json();
          const all = effects.filter(({ operation }: { operation: string }) => !operation.startsWith('unprotected'));
          const [keyed, receipts] = [false, true].map((wanted) =>
            all.filter(({ kind }: { kind: string }) => (kind === 'receipt') === wanted),
          );
          // The window of one scenario is five seconds: past it an intent is left to a person, and “key alone” may repeat.
          expect(keyed.length).toBeLessThanOrEqual(1);
          if (id !== 'window-passed') {
            expect(keyed).toHaveLength(1);
          }
          expect(receipts).toHaveLength(id === 'steps' ? 1 : 0);
        }
        await context.close();
      });
    }
  });
}

test.describe('without network', () => {
  test.use({ cutsNetwork: true });

  test('a payment waits, outlives the tab, and is made once', async ({ page, context }) => {
    const demo = new DemoPage(page);
    await demo.open();
    await page.evaluate(() => navigator.serviceWorker.ready);
    await context.setOffline(true);
    await expect(page.locator('.connection')).toHaveText('Offline');
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
    const after = new DemoPage(again);
    await after.open();
    await expect(after.results).toContainText(['Executed', 'Executed']);
    await expect(after.stored).toContainText(['succeeded']);
    // Sent by this page or, where the browser was quicker, by the service worker.
    const { executions, effects } = await after.activity();
    expect([executions.length, effects.length]).toEqual([1, 1]);
  });
});

test('a run that was left in the middle is shown as far as it went', async ({ page }) => {
  const stage = new StagePage(page);
  await stage.open('slow');
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  // However long the reload takes, the run does not end before it.
  await page.route('**/api/payments', async (route) => {
    await released;
    await route.continue().catch(() => {}); // the page that asked is gone
  });
  const sent = page.waitForRequest((request) => request.headers()['idempotency-key'] !== undefined);
  await stage.button.click();
  await sent;
  await page.reload();
  release();
  await expect(page.locator('#stage .stage-head p')).toContainText('This run was interrupted');
});

/** Kills every tab, without a word to its page. */
async function closeAll(context: BrowserContext): Promise<void> {
  await Promise.all(context.pages().map((page) => page.close({ runBeforeUnload: false })));
}

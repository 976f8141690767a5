import type { Browser, Page } from '@playwright/test';
import { expect, measuring, StagePage, test } from './test.ts';

// What the page takes of the processor with a hundred requests on the stage. Counted is the processor's time as a trace
// has it, not the clock's: what else the machine does is none of the page's business.
test.describe.configure({ mode: 'serial' });

/** The tasks of the page's main thread while something is done, in milliseconds of processor time, longest first. */
async function tasksOf(browser: Browser, page: Page, act: () => Promise<void>): Promise<readonly number[]> {
  await browser.startTracing(page, { categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline'] });
  await act();
  const trace = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: readonly { name: string; pid: number; tid: number; tdur?: number; args?: { name?: string } }[];
  };
  const main = trace.traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  return trace.traceEvents
    .filter(({ name, pid, tid }) => name === 'RunTask' && main.some((one) => one.pid === pid && one.tid === tid))
    .map(({ tdur = 0 }) => tdur / 1_000)
    .sort((a, b) => b - a);
}

test('a burst of 50 each way is replayed, scrubbed and looked into without making anybody wait', async ({
  browser,
  page,
}) => {
  const stage = new StagePage(page);
  await stage.open('burst');
  await page.getByLabel('Number of copies').selectOption('50');
  await stage.play();
  await expect(stage.verdict).toContainText('50 times: €625.00');

  await stage.scrubber.press('Home');
  const replay = await tasksOf(browser, page, async () => {
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await page.waitForTimeout(4_000);
    await page.getByRole('button', { name: 'Pause' }).click();
  });
  const interactions = await tasksOf(browser, page, async () => {
    for (let press = 0; press < 12; press++) {
      await stage.scrubber.press('ArrowRight');
    }
    await page.getByRole('button', { name: 'Next event' }).click();
    await page.getByRole('button', { name: /^Under the hood/ }).click();
    await page.getByRole('tab', { name: 'Requests' }).click();
    await page.getByRole('option', { name: /^7/ }).first().click();
  });
  const long = replay.filter((ms) => ms > 50);
  console.log(
    `100 requests: ${replay.length} tasks in four seconds, ${replay[0]?.toFixed(0)} ms at most, ${long.length} long; ` +
      `interactions ${interactions[0]?.toFixed(0)} ms at most`,
  );
  if (measuring) {
    // The first task lays the animations out anew, when the button is pressed; after that none is long.
    expect(long.length, 'long tasks while a hundred requests move').toBeLessThanOrEqual(1);
    expect(interactions[0], 'the longest task of an interaction, in milliseconds').toBeLessThan(200);
  }
});

test('nothing is asked before the first request leaves', async ({ page }) => {
  const asked: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.includes('/api/')) {
      asked.push(`${request.method()} ${pathname}`);
    }
  });
  const stage = new StagePage(page);
  await stage.open('double-click');
  await stage.play();
  expect(asked[0]).toMatch(/^POST /);
});

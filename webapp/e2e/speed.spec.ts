import type { Browser, Page } from '@playwright/test';
import { type Fact, inOrder, type Kind, type Lane, type Run } from '../src/model/facts.ts';
import { encode } from '../src/model/link.ts';
import { expect, measuring, StagePage, test } from './test.ts';

// What the page takes of the processor with two hundred requests on the stage. Counted is the processor's time as a trace
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

/** A burst of a hundred each way, as facts. What is drawn is a function of these, wherever they are from. */
function crowd(): Run {
  const requests = Array.from({ length: 100 }, (_, i) => i + 1);
  const client = (kind: Kind, req: number, t: number, more: Partial<Fact> = {}): Fact => ({
    t,
    kind,
    from: 'client',
    req,
    ...more,
  });
  const server = (kind: Kind, req: number, t: number, more: Partial<Fact> = {}): Fact => ({
    ...client(kind, req, t, more),
    from: 'server',
  });
  const money = { amount: 1_250, currency: 'EUR' };
  const bad = requests.flatMap((req) => [
    client('sent', req, req / 10, { why: 'copy', ...money }),
    server('working', req, 15 + req),
    server('charged', req, 15.5 + req, money),
    client('answered', req, 18 + req, { status: 201, source: req === 1 ? 'executed' : 'executed-again' }),
  ]);
  const good = requests.flatMap((req) => [
    client('sent', req, req / 10, { why: 'copy', key: '8f3c', ...money }),
    ...(req === 1
      ? [
          server('claimed', req, 15),
          server('working', req, 16),
          server('charged', req, 17, money),
          server('completed', req, 18, { bytes: 353 }),
          client('answered', req, 20, { status: 201, source: 'executed' }),
        ]
      : [
          server('held', req, 15 + req / 20),
          server('replayed', req, 20 + req / 2, { by: 'record', same: true }),
          client('answered', req, 22 + req, { status: 201, source: 'server-replay' }),
        ]),
  ]);
  const lane = (keyed: boolean, facts: readonly Fact[], effects: number): Lane => ({
    keyed,
    facts: inOrder(facts),
    ended: true,
    report: { kind: 'read', executions: effects, effects, agrees: true, told: effects },
  });
  return { v: 1, scenario: 'burst', count: 100, at: 0, lanes: [lane(false, bad, 100), lane(true, good, 1)] };
}

test('200 requests are replayed, scrubbed and looked into without making anybody wait', async ({ browser, page }) => {
  const stage = new StagePage(page);
  await page.goto(`./?scenario=burst#run=${await encode(crowd())}`);
  await expect(page.locator('#stage .stage-head p')).toContainText('A recorded run');
  await expect(stage.lane('With a key').getByRole('option')).toHaveCount(100);

  const moment = async () => Number(await stage.scrubber.getAttribute('aria-valuenow'));
  const replay = await tasksOf(browser, page, async () => {
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await expect.poll(moment).toBeGreaterThan(3_500);
    await page.getByRole('button', { name: 'Pause' }).click();
  });
  const interactions = await tasksOf(browser, page, async () => {
    for (let press = 0; press < 12; press++) {
      await stage.scrubber.press('ArrowRight');
    }
    await page.getByRole('button', { name: 'Next event' }).click();
    await page.getByRole('button', { name: /^Under the hood/ }).click();
    await page.getByRole('tab', { name: 'Record' }).click();
    await page.getByRole('tab', { name: 'Ledger' }).click();
    await page.getByRole('tab', { name: 'Requests' }).click();
    await page.getByRole('option', { name: /^7/ }).first().click();
    await page.getByRole('button', { name: /^Show all/ }).click();
    await stage.scrubber.press('End');
  });
  const long = replay.filter((ms) => ms > 50);
  console.log(
    `200 requests: ${replay.length} tasks in a replay, ${replay[0]?.toFixed(0)} ms at most, ${long.length} long; ` +
      `interactions ${interactions[0]?.toFixed(0)} ms at most`,
  );
  if (measuring) {
    // The first task lays the animations out anew, when the button is pressed; after that none is long.
    expect(long.length, 'long tasks while two hundred requests move').toBeLessThanOrEqual(1);
    expect(interactions[0], 'the longest task of an interaction, in milliseconds').toBeLessThan(200);
  }
  await expect(stage.verdict).toContainText('Without a key it happened 100 times: €1,250.00.');
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

import { DemoPage, expect, expectAccessible, expectToFit, layoutShift, test } from './test.ts';

// A duplicate of what still runs is refused, and so is another payload; a function that dies is a 500; a record that
// has expired is not there.
test.use({ expectedStatuses: [404, 409, 422, 500] });

test('the page begins with a burst: one charge with a key, twenty without', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.way('With a key').getByRole('button').click();
  await expect(demo.way('With a key')).toContainText('once, as meant');
  await expect(demo.way('With a key')).toContainText('20 requests');
  await expect(demo.way('With a key')).toContainText('€12.50');
  await expect(demo.story).toContainText(
    '20 requests with one key, 1 charge. One was executed; 19 got its recorded answer',
  );
  await demo.expectEvidence({ requests: 20, executions: 1, effects: 1 });
  await expect(demo.lanes).toHaveCount(20);
  await expect(demo.ledger).toHaveCount(1);

  await demo.way('Without').getByRole('button').click();
  await expect(demo.way('Without')).toContainText('19 charges too many');
  await expect(demo.way('Without')).toContainText('€250.00');
  await expect(demo.story).toContainText('20 requests, 20 charges');
  await demo.expectEvidence({ requests: 40, executions: 21, effects: 21 });
  await expect(demo.way('With a key')).toContainText('once, as meant');
  expect(await layoutShift(page)).toBeLessThan(0.01);
});

test('double click: one charge with a key, two without', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.play('Double click', 'With a key');
  await expect(demo.story).toContainText('Both presses carried the same key');
  await demo.expectEvidence({ requests: 2, executions: 1, effects: 1 });
  // Either may be the first to arrive.
  await expect(demo.lanes.filter({ hasText: 'Executed' })).toHaveCount(1);
  await expect(demo.lanes.filter({ hasText: 'Server replay' })).toHaveCount(1);

  await demo.play('Double click', 'Without');
  await expect(demo.story).toContainText('charged twice');
  await expect(demo.lanes.filter({ hasText: 'Executed again' })).toHaveCount(1);
  await demo.expectEvidence({ requests: 4, executions: 3, effects: 3 });
});

test('a lost response: the retry gets it with a key, and charges again without', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.play('Lost response, then retry', 'With a key');
  await expect(demo.story).toContainText('the very answer that was lost');
  await demo.expectEvidence({ requests: 2, executions: 1, effects: 1 });
  await expect(demo.lanes).toContainText(['Server replay']);

  await demo.play('Lost response, then retry', 'Without');
  await expect(demo.story).toContainText('charged again');
  await demo.expectEvidence({ requests: 4, executions: 3, effects: 3 });
});

test('a crash in the middle: the retry waits for the lease, and finds the charge already made', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.play('Crash in the middle, then retry', 'With a key');
  await expect(demo.record).toContainText('INPROGRESS');
  await expect(demo.record).toContainText(/Lease\d+ s left/);
  await expect(demo.story.getByRole('timer')).toContainText(/Retrying in \d+ s/);
  await expect(demo.story).toContainText('found the charge already made', { timeout: 25_000 });
  await demo.expectEvidence({ requests: 3, executions: 1, effects: 1 });
  await expect(demo.record).toContainText('COMPLETED');
});

test('another payload under the same key is refused', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.play('Same key, another payload', 'Run');
  await expect(demo.story).toContainText('the server refused with 422');
  await expect(demo.lanes).toContainText(['Executed', 'Mismatch']);
  await demo.expectEvidence({ requests: 2, executions: 1, effects: 1 });
});

test('a slow first request: the second is told so, and the third finds the answer', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.play('Slow first, impatient second', 'With a key');
  await expect(demo.lanes).toContainText(['Sending', 'Sending']);
  await expect(demo.lanes).toContainText(['Sending', 'In progress']);
  await expect(demo.story).toContainText('the next try got its recorded answer', { timeout: 15_000 });
  await expect(demo.lanes).toContainText(['Executed', 'In progress', 'Server replay']);
  await demo.expectEvidence({ requests: 3, executions: 1, effects: 1 });
});

test('offline, reloaded, back: the payment is made once with the client, and lost without', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  let loads = 0;
  page.on('load', () => {
    loads += 1;
  });
  await demo.play('Offline, reload, come back', 'With the client');
  await expect(page.getByText('Offline', { exact: true })).toBeVisible();
  await expect(demo.lanes).toContainText(['Queued']);
  await expect(demo.stored).toContainText(['queued']);
  await demo.expectEvidence({ requests: 0, executions: 0, effects: 0 });
  await expect(demo.story).toContainText('it was still there');
  expect(loads, 'reloads').toBe(1);
  await expect(demo.lanes).toContainText(['Executed']);
  await expect(demo.way('With the client')).toContainText('once, as meant');
  await demo.expectEvidence({ requests: 1, executions: 1, effects: 1 });

  await demo.play('Offline, reload, come back', 'Without');
  await expect(demo.story).toContainText('nobody remembered it');
  await expect(demo.way('Without')).toContainText('lost');
  await demo.expectEvidence({ requests: 1, executions: 1, effects: 1 });
});

test('two tabs: one request with the client, two without', async ({ page, context }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  const opened = context.waitForEvent('page');
  await demo.play('Two tabs', 'With the client');
  const second = await opened;
  await expect(demo.story).toContainText('Two tabs, one intent', { timeout: 15_000 });
  await expect(demo.lanes).toContainText(['Executed', 'Client cache']);
  await demo.expectEvidence({ requests: 1, executions: 1, effects: 1 });
  await expect.poll(() => second.isClosed(), 'the second tab closes itself').toBe(true);

  await demo.play('Two tabs', 'Without');
  await expect(demo.story).toContainText('Neither tab knew of the other', { timeout: 15_000 });
  await demo.expectEvidence({ requests: 3, executions: 3, effects: 3 });
});

test('a passed window: the client stops and asks a person; the key alone orders twice', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.play('Window passed', 'With the client');
  await expect(demo.story).toContainText('It stopped, and leaves it to a person', { timeout: 15_000 });
  await expect(demo.lanes).toContainText(['Window passed']);
  await expect(demo.stored).toContainText(['expired']);
  await demo.expectEvidence({ requests: 1, executions: 1, effects: 1 });

  await demo.play('Window passed', 'Key alone');
  await expect(demo.story).toContainText('Two orders', { timeout: 15_000 });
  await expect(demo.way('Key alone')).toContainText('1 order too many');
  await demo.expectEvidence({ requests: 3, executions: 3, effects: 3 });
});

test('the address names the scenario, back and forth', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./?scenario=mismatch');
  await expect(demo.scenario('Same key, another payload')).toHaveAttribute('aria-current', 'true');
  await demo.scenario('Double click').getByRole('button', { name: 'With a key' }).press('Enter');
  await expect(page).toHaveURL(/\?scenario=double-click$/);
  await expect(demo.story).toContainText('Both presses');
  await page.goBack();
  await expect(demo.scenario('Same key, another payload')).toHaveAttribute('aria-current', 'true');
});

test('the requests outlive a reload, filter, and show their record', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.play('Same key, another payload', 'Run');
  await expect(demo.results).toHaveCount(2);
  await expect(demo.story).toContainText('422');
  await page.reload();
  await expect(demo.results).toHaveCount(2);
  await page.getByLabel('Filter by outcome').selectOption('Executed');
  await expect(demo.results).toHaveCount(1);
  await demo.results.getByRole('button', { name: /^Request 1:/ }).click();
  await expect(demo.record).toContainText('behind request 1');
  await expect(demo.record).toContainText('COMPLETED');
  await expect(demo.record).toContainText('2 write and 0 read units');
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`is accessible in ${colorScheme}, and fits a phone`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    const demo = new DemoPage(page);
    await page.goto('./');
    await page.getByLabel('Number of duplicates').selectOption('5');
    await demo.play('Burst of duplicates', 'With a key');
    await expect(demo.story).toContainText('5 requests with one key');
    await expect(demo.record).toContainText('COMPLETED');
    await expect(demo.stored).toHaveCount(1);
    await demo.play('Double click', 'Without');
    await expect(demo.story).toContainText('charged twice');
    await demo.play('Same key, another payload', 'Run');
    await expect(demo.story).toContainText('refused with 422');
    await expect(demo.ledger).toHaveCount(4);
    await expectAccessible(page);

    await page.setViewportSize({ width: 360, height: 740 });
    await expectAccessible(page);
    await expectToFit(page, 360);
  });
}

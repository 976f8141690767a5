import { DemoPage, expect, expectAccessible, expectToFit, test } from './test.ts';

// A duplicate that comes while the first runs is refused, and so is another payload; a function that dies is a 500.
test.use({ expectedStatuses: [409, 422, 500] });

test('double click: one charge with a key, two without', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  const { story } = demo;
  await demo.scenario('Double click').getByRole('button', { name: 'With a key' }).click();
  await expect(story).toContainText('Both presses carried the same key');
  await expect(story).toContainText('One charge.');
  await demo.expectEvidence({ requests: 2, executions: 1, effects: 1 });
  await expect(demo.lanes).toHaveCount(2);

  await demo.scenario('Double click').getByRole('button', { name: 'Without' }).click();
  await expect(story).toContainText('charged twice');
  await demo.expectEvidence({ requests: 4, executions: 3, effects: 3 });
});

test('a burst of twenty: one charge with a key, twenty without', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.scenario('Burst').getByRole('button', { name: 'With a key' }).click();
  await expect(demo.story).toContainText('20 requests with one key, 1 charge');
  await demo.expectEvidence({ requests: 20, executions: 1, effects: 1 });
  await expect(demo.lanes).toHaveCount(20);
  await expect(demo.ledger).toHaveCount(1);

  await demo.scenario('Burst').getByLabel('Number of duplicates').selectOption('5');
  await demo.scenario('Burst').getByRole('button', { name: 'Without' }).click();
  await expect(demo.story).toContainText('5 requests, 5 charges');
  await demo.expectEvidence({ requests: 25, executions: 6, effects: 6 });
  await expect(demo.story).toContainText('20 requests');
});

test('a lost response: the retry gets it with a key, and charges again without', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.scenario('Lost response').getByRole('button', { name: 'With a key' }).click();
  await expect(demo.story).toContainText('the very answer that was lost');
  await demo.expectEvidence({ requests: 2, executions: 1, effects: 1 });
  await expect(demo.lanes).toContainText(['Server replay']);

  await demo.scenario('Lost response').getByRole('button', { name: 'Without' }).click();
  await expect(demo.story).toContainText('charged again');
  await demo.expectEvidence({ requests: 4, executions: 3, effects: 3 });
});

test('a crash in the middle: the retry waits for the lease, and finds the charge already made', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.scenario('Crash').getByRole('button', { name: 'With a key' }).click();
  await expect(demo.story.getByRole('timer')).toContainText(/Retrying in \d+ s/);
  await expect(demo.record).toContainText('INPROGRESS');
  await expect(demo.record).toContainText(/Lease\d+ s left/);
  await expect(demo.story).toContainText('found the charge already made', { timeout: 25_000 });
  await demo.expectEvidence({ requests: 3, executions: 1, effects: 1 });
  await expect(demo.record).toContainText('COMPLETED');
});

test('another payload under the same key is refused', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.scenario('Same key').getByRole('button', { name: 'Run' }).click();
  await expect(demo.story).toContainText('the server refused with 422');
  await expect(demo.lanes).toContainText(['Executed', 'Mismatch']);
  await demo.expectEvidence({ requests: 2, executions: 1, effects: 1 });
});

test('a slow first request: the second comes back later and finds its answer', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.scenario('Slow').getByRole('button', { name: 'With a key' }).click();
  await expect(demo.lanes).toContainText(['Sending', 'Sending']);
  await expect(demo.story).toContainText('the recorded answer was waiting', { timeout: 25_000 });
  await expect(demo.lanes).toContainText(['Executed', 'Server replay']);
  await demo.expectEvidence({ requests: 3, executions: 1, effects: 1 });
});

test('the address names the scenario, back and forth', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./?scenario=mismatch');
  await expect(demo.scenario('Same key')).toHaveAttribute('aria-current', 'true');
  await demo.scenario('Double click').getByRole('button', { name: 'With a key' }).press('Enter');
  await expect(page).toHaveURL(/\?scenario=double-click$/);
  await expect(demo.story).toContainText('Both presses');
  await page.goBack();
  await expect(demo.scenario('Same key')).toHaveAttribute('aria-current', 'true');
});

test('the requests outlive a reload, filter, and show their record', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./');
  await demo.scenario('Same key').getByRole('button', { name: 'Run' }).click();
  await expect(demo.results).toHaveCount(2);
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
    await page.goto('./?scenario=burst');
    await demo.scenario('Burst').getByRole('button', { name: 'With a key' }).click();
    await expect(demo.story).toContainText('20 requests with one key');
    await expect(demo.record).toContainText('COMPLETED');
    await expectAccessible(page);
    await demo.scenario('Same key').getByRole('button', { name: 'Run' }).click();
    await expect(demo.story).toContainText('refused with 422');
    await expect(demo.ledger).toHaveCount(2);
    await expectAccessible(page);

    await page.setViewportSize({ width: 360, height: 740 });
    await expectAccessible(page);
    await expectToFit(page, 360);
  });
}

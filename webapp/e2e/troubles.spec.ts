import type { Page, Route } from '@playwright/test';
import { expect, StagePage, test } from './test.ts';

// What a run says when the API is not there, refuses, throttles or is slow: never what would have happened otherwise.
test.use({ cutsNetwork: true, expectedStatuses: [400, 404, 409, 422, 429, 500, 503] });

const scenarios = ['burst', 'double-click', 'lost-response', 'slow', 'mismatch'] as const;

/** Answers what is posted in the API's place. */
async function intercept(page: Page, answer: (route: Route) => Promise<void>) {
  await page.route('**/api/**', (route) => (route.request().method() === 'POST' ? answer(route) : route.continue()));
}

const problem = (status: number, title: string) => ({
  status,
  contentType: 'application/problem+json',
  headers: { 'Retry-After': '1' },
  body: JSON.stringify({ type: 'about:blank', title, status }),
});

for (const id of scenarios) {
  test(`${id}, API down: nothing was decided`, async ({ page }) => {
    await page.route('**/api/**', (route) => route.abort('internetdisconnected'));
    const stage = new StagePage(page);
    await stage.open(id);
    await stage.play();
    await expect(stage.verdict).toHaveText('Nothing was decided: the API was never reached.');
    await expect(page.locator('#stage .stage-head p')).toContainText('The API can’t be reached');
    for (const name of ['Without a key', 'With a key']) {
      await expect(stage.story(name).last()).toContainText('Nothing reached the API');
      await expect(stage.lane(name)).toHaveAttribute('data-done', 'unknown');
      await expect(stage.lane(name)).toContainText('€0.00');
    }
    await expect(page.locator('.tales')).not.toContainText(/charge|byte for byte/);
  });

  test(`${id}, refused with 400: no request was accepted`, async ({ page }) => {
    await intercept(page, (route) => route.fulfill(problem(400, 'The amount is not valid')));
    const stage = new StagePage(page);
    await stage.open(id);
    await stage.play();
    await expect(stage.verdict).toHaveText('Without a key it never happened. With a key it never happened.');
    await expect(page.locator('#stage .stage-head p')).toContainText(
      'refused what was sent (400): The amount is not valid',
    );
    for (const name of ['Without a key', 'With a key']) {
      await expect(stage.story(name).last()).toContainText('No request was accepted (400): The amount is not valid.');
      await expect(stage.lane(name)).toHaveAttribute('data-done', 'bad');
    }
    await expect(page.locator('.tales')).not.toContainText(/is charged|once|twice/);
  });
}

test('throttled with 429 but for one: what came through is counted, and called luck', async ({ page }) => {
  let posts = 0;
  await intercept(page, async (route) => {
    posts += 1;
    await (posts === 1 || route.request().headers()['idempotency-key'] !== undefined
      ? route.continue()
      : route.fulfill(problem(429, 'Too many requests')));
  });
  const stage = new StagePage(page);
  await stage.open('burst');
  await stage.play();
  await expect(stage.verdict).toContainText('Without a key it happened once: €12.50, by luck.');
  await expect(stage.story('Without a key').last()).toContainText('1 charge. 19 never got there (429).');
  await expect(stage.tab('Burst').locator('.cell').first()).toHaveAttribute('data-tone', 'luck');
  await expect(page.locator('#stage .stage-head p')).toContainText('The API refused some of the copies (429)');
});

test('all throttled: it never happened, and the double click is not said to have charged twice', async ({ page }) => {
  await intercept(page, (route) => route.fulfill(problem(429, 'Too many requests')));
  const stage = new StagePage(page);
  await stage.open('double-click');
  await stage.play();
  await expect(stage.verdict).toHaveText('Without a key it never happened. With a key it never happened.');
  await expect(page.locator('.tales')).not.toContainText('charged');
});

test('a slow API: the run waits for it, and says what it measured', async ({ page }) => {
  await intercept(page, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await route.continue();
  });
  const stage = new StagePage(page);
  await stage.open('double-click');
  await stage.play();
  await expect(stage.verdict).toContainText('twice: €25.00. With a key it happened once: €12.50.');
});

test('the ledger can’t be read: what happened is not known, whatever was answered', async ({ page }) => {
  await page.route('**/api/executions', (route) => route.fulfill(problem(503, 'Unavailable')));
  const stage = new StagePage(page);
  await stage.open('double-click');
  await stage.play();
  await expect(stage.verdict).toContainText('it is not known');
  await expect(stage.tab('Double click').locator('.cell').first()).toHaveText('–');
  await expect(page.locator('#stage .stage-head p')).toContainText('The ledger could not be read');
});

test('a ledger with more than the page was told of is believed', async ({ page }) => {
  await page.route('**/api/executions', async (route) => {
    const response = await route.fetch();
    const activity = await response.json();
    const extra = activity.effects.map((effect: { resource: string }) => ({ ...effect, resource: 'nobody’s' }));
    await route.fulfill({ response, json: { ...activity, effects: [...activity.effects, ...extra] } });
  });
  const stage = new StagePage(page);
  await stage.open('double-click');
  await stage.play();
  await expect(stage.verdict).toContainText('it is not known');
  await expect(stage.story('With a key').last()).toContainText(
    'The page was told of 1, the API says 2. The API is right.',
  );
});

test('a pop-up that is blocked is told at once', async ({ page }) => {
  await page.addInitScript(() => {
    window.open = () => null;
  });
  const stage = new StagePage(page);
  await stage.open('two-tabs');
  await stage.play();
  await expect(page.locator('#stage .stage-head p')).toContainText('The second tab never came');
  await expect(stage.verdict).toContainText('it is not known');
});

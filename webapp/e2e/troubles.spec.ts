import type { Page, Route } from '@playwright/test';
import { untrueClaims } from '../src/model/claims.ts';
import type { Run } from '../src/model/facts.ts';
import { decode } from '../src/model/link.ts';
import { type Scenario, scenarios } from '../src/model/scenarios.ts';
import { expect, StagePage, test } from './test.ts';

// What a run says when the API is not there, refuses, throttles or is slow: never what would have happened otherwise.
test.use({ cutsNetwork: true, expectedStatuses: [400, 404, 409, 422, 429, 500, 503] });

/** Answers what is posted in the API's place. */
async function intercept(page: Page, answer: (route: Route) => Promise<void>) {
  await page
    .context()
    .route('**/api/**', (route) => (route.request().method() === 'POST' ? answer(route) : route.continue()));
}

const problem = (status: number, title: string) => ({
  status,
  contentType: 'application/problem+json',
  headers: { 'Retry-After': '1' },
  body: JSON.stringify({ type: 'about:blank', title, status }),
});

/** A state of the API, and what the page has to say of any scenario in it. */
interface State {
  readonly begin: (page: Page) => Promise<void>;
  readonly verdict: RegExp;
  readonly notice: RegExp | undefined;
  /** How both lanes are judged. */
  readonly done: readonly [RegExp, RegExp];
  /** What is not to be said. */
  readonly unsaid: RegExp;
  /** Whether nothing real is waited for, so that waits can be skipped. */
  readonly hurried: boolean;
}

const states: Readonly<Record<string, State>> = {
  'the API is down': {
    begin: async (page) => {
      await page.context().route('**/api/**', (route) => route.abort('internetdisconnected'));
    },
    verdict: /^Nothing was decided: the API was never reached\.$/,
    notice: /^The API can’t be reached/,
    done: [/unknown/, /unknown/],
    unsaid: /charge|is placed|byte for byte|happened/,
    hurried: true,
  },
  'the API refuses everything with 400': {
    begin: (page) => intercept(page, (route) => route.fulfill(problem(400, 'The amount is not valid'))),
    verdict: /it never happened\. .* it never happened\.$/,
    notice: /^The API refused what was sent \(400\): The amount is not valid\.$/,
    done: [/bad/, /bad/],
    unsaid: /is charged|is placed|happened once|twice|byte for byte/,
    hurried: true,
  },
  'the API throttles everything with 429': {
    begin: (page) => intercept(page, (route) => route.fulfill(problem(429, 'Too many requests'))),
    verdict: /(never happened|not known).*(never happened|not known)/,
    notice: /^The API refused some of the (copies|requests) \(429\)/,
    done: [/bad|unknown/, /bad|unknown/],
    unsaid: /is charged|is placed|happened once|twice|byte for byte/,
    hurried: true,
  },
  'the API is slow': {
    begin: (page) =>
      intercept(page, async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 400));
        await route.continue();
      }),
    verdict: /(twice|times|never happened).*happened once/,
    notice: undefined,
    done: [/bad/, /good/],
    unsaid: /reach(es|ed) nobody|refused \(4(00|29)\)/,
    hurried: false,
  },
};

for (const [name, state] of Object.entries(states)) {
  // What is waited for takes its time: half of the scenarios at once.
  const parts = state.hurried ? [scenarios] : [0, 1].map((part) => scenarios.filter((_, i) => i % 2 === part));
  for (const [part, played] of parts.entries()) {
    test(`${name}${part > 0 ? ', the other scenarios' : ''}: what is said is what happened`, async ({ page }) => {
      const sessions = new Set<string>();
      page.context().on('request', (request) => {
        const { 'demo-session': session } = request.headers();
        if (request.method() === 'POST' && session !== undefined) {
          sessions.add(session);
        }
      });
      await state.begin(page);
      if (state.hurried) {
        await page.clock.install();
      }
      const stage = new StagePage(page);
      // Read before the clock is put forward, which would end the wait for it.
      const config = page.waitForResponse('**/config.json');
      await stage.open(played[0]?.id ?? '');
      await (await config).finished();
      for (const scenario of played) {
        await test.step(scenario.title, async () => {
          sessions.clear();
          await stage.tab(scenario.title).click();
          await stage.play(state.hurried);
          await expectToAgree(stage, scenario, state, sessions);
        });
      }
    });
  }
}

/** Holds everything that is said of a run against its facts, and these against what the API itself says. */
async function expectToAgree(
  stage: StagePage,
  { id, names, effect, title }: Scenario,
  { verdict, notice, done, unsaid }: State,
  sessions: ReadonlySet<string>,
): Promise<void> {
  const { page } = stage;
  await expect(stage.verdict).toHaveText(verdict);
  const head = page.locator('#stage .stage-head p');
  await (notice === undefined
    ? expect(head).not.toHaveAttribute('data-tone', 'warning')
    : expect(head).toHaveText(notice));
  expect(await page.locator('.told').textContent()).not.toMatch(unsaid);
  const run = await keptRun(page, id);
  for (const [i, name] of names.entries()) {
    const facts = run.lanes[i]?.facts ?? [];
    const lane = stage.lane(name);
    await expect(lane).toHaveAttribute('data-done', done[i] ?? /^$/);
    await expect(async () => {
      const sentences = await stage.story(name).locator('button > span').allTextContents();
      expect(await lane.locator('.caption').textContent()).toBe(sentences.at(-1));
      expect(sentences.flatMap((sentence) => untrueClaims(sentence, facts))).toEqual([]);
    }).toPass({ timeout: 120_000 });
    if (effect === undefined && !facts.some(({ kind }) => kind === 'charged')) {
      await expect(lane.locator('[data-part="sum"]')).toHaveText('€0.00');
    }
  }
  const reported = await Promise.all(
    [...sessions].map(async (session) => {
      const response = await page.request.get('./api/executions', { headers: { 'Demo-Session': session } });
      return ((await response.json()) as { effectCount: number }).effectCount;
    }),
  );
  const told = run.lanes.map(({ facts }) => facts.filter(({ kind }) => kind === 'charged' || kind === 'mailed').length);
  const some = (counts: readonly number[]) => counts.filter((count) => count > 0).sort((a, b) => a - b);
  expect(some(told), `effects of ${title}`).toEqual(some(reported));
}

/** The run that the page has kept, as soon as it has. */
async function keptRun(page: Page, id: string): Promise<Run> {
  const read = () =>
    page.evaluate((one) => JSON.parse(localStorage.getItem('idempotent-requests.results') ?? '{}')[one] ?? '', id);
  await expect.poll(read).not.toBe('');
  const run = await decode(await read());
  if (run === undefined) {
    throw new Error(`no run of ${id} is kept`);
  }
  return run;
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

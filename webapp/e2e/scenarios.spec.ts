import { expect, StagePage, test } from './test.ts';

// A duplicate of what still runs is refused, and so is another payload; a function that dies is a 500; a record that
// has expired is not there.
test.use({ expectedStatuses: [404, 409, 422, 500] });

interface Expected {
  readonly id: string;
  readonly title: string;
  readonly lanes: readonly [string, string];
  readonly verdict: RegExp;
  readonly ends: readonly [RegExp, RegExp];
  readonly cells: readonly [string, string];
  /** What has to be told on the way. */
  readonly told?: readonly RegExp[];
}

const keys = ['Without a key', 'With a key'] as const;
const client = ['Without the client', 'With the client'] as const;

/** Every scenario, both ways, as the real API plays it. */
const scenarios: readonly Expected[] = [
  {
    id: 'burst',
    title: 'Burst of duplicates',
    lanes: keys,
    verdict: /Without a key it happened 20 times: €250\.00\. With a key it happened once: €12\.50\./,
    ends: [/20 requests, 20 executions, 20 charges\./, /20 requests, 1 execution, 1 charge\./],
    cells: ['20×', '1×'],
    told: [/19 copies are given that answer, byte for byte/],
  },
  {
    id: 'double-click',
    title: 'Double click',
    lanes: keys,
    verdict: /twice: €25\.00\. With a key it happened once: €12\.50\./,
    ends: [/2 requests, 2 executions, 2 charges\./, /2 requests, 1 execution, 1 charge\./],
    cells: ['2×', '1×'],
    told: [/The second press sends it again/, /the same key/],
  },
  {
    id: 'lost-response',
    title: 'Lost response, then retry',
    lanes: keys,
    verdict: /twice: €25\.00\. With a key it happened once: €12\.50\./,
    ends: [/2 requests, 2 executions, 2 charges\./, /2 requests, 1 execution, 1 charge\./],
    cells: ['2×', '1×'],
    told: [/ends without answering: it is done, and the browser is told 500/, /the recorded answer comes back/],
  },
  {
    id: 'crash',
    title: 'Crash in the middle, then retry',
    lanes: keys,
    verdict: /twice: €25\.00\. With a key it happened once: €12\.50\./,
    ends: [/2 requests, 2 executions, 2 charges\./, /[3-6] requests, 1 execution, 1 charge\./],
    cells: ['2×', '1×'],
    told: [
      /dies after the charge/,
      /Its lease on the key runs on/,
      /waits \d+ s, (as|no less than) it was told/,
      /the processor has that charge/,
    ],
  },
  {
    id: 'slow',
    title: 'Slow first, impatient second',
    lanes: keys,
    verdict: /twice: €25\.00\. With a key it happened once: €12\.50\./,
    ends: [/2 requests, 2 executions, 2 charges\./, /3 requests, 1 execution, 1 charge\./],
    cells: ['2×', '1×'],
    // A busy machine may bring the second request so late that it need not be sent away.
    told: [
      /No answer yet, so it is sent again/,
      /Still in progress: it is told 409|it waits, the recorded answer comes back/,
    ],
  },
  {
    id: 'offline',
    title: 'Offline, reload, come back',
    lanes: client,
    verdict: /Without the client it never happened\. With the client it happened once: €12\.50\./,
    ends: [/No request reached the API, so it never happened\./, /1 request, 1 execution, 1 charge\./],
    cells: ['0×', '1×'],
    told: [
      /nothing remembers the payment/,
      /After the reload it is still there/,
      /Sent from the outbox, with the same key/,
    ],
  },
  {
    id: 'two-tabs',
    title: 'Two tabs',
    lanes: client,
    verdict: /twice: €25\.00\. With the client it happened once: €12\.50\./,
    ends: [/2 requests, 2 executions, 2 charges\./, /1 request, 1 execution, 1 charge\./],
    cells: ['2×', '1×'],
    // A busy machine may open the second tab when all is done.
    told: [
      /The second tab sends the same payment/,
      /it sends nothing and waits|knows the answer already, and sends nothing/,
    ],
  },
  {
    id: 'window-passed',
    title: 'Window passed',
    lanes: ['Key alone', 'With the client'],
    verdict: /With the key alone it happened twice\. With the client it happened once\./,
    ends: [/2 requests, 2 executions, 2 orders\./, /1 request, 1 execution, 1 order\. A person is asked\./],
    cells: ['2×', '1×'],
    told: [/another order is placed/, /the server forgets the key/, /a person has to look/],
  },
  {
    id: 'mismatch',
    title: 'Same key, another payload',
    lanes: keys,
    verdict: /twice: €1,011\.50\. With a key it happened once: €12\.50\./,
    ends: [/2 requests, 2 executions, 2 charges\./, /2 requests, 1 execution, 1 charge\./],
    cells: ['2×', '1×'],
    told: [/with another amount \(€999\.00\)/, /the record belongs to €12\.50, so it is refused \(422\)/],
  },
  {
    id: 'steps',
    title: 'Charge, then receipt',
    lanes: keys,
    verdict: /twice: €25\.00\. With a key it happened once: €12\.50\./,
    ends: [/2 requests, 2 executions, 2 charges, 1 receipt\./, /[3-6] requests, 2 executions, 1 charge, 1 receipt\./],
    cells: ['2×', '1×'],
    told: [
      /dies after the charge/,
      /Its lease on the key runs on/,
      /takes over: the charge is on record, so it is not made again, the receipt is sent/,
    ],
  },
];

for (const { id, title, lanes, verdict, ends, cells, told = [] } of scenarios) {
  test(`${title}: both ways, told as it happened`, async ({ page }) => {
    const stage = new StagePage(page);
    await stage.open(id);
    await stage.play();
    await expect(stage.verdict).toHaveText(verdict);
    for (const [i, name] of lanes.entries()) {
      await expect(stage.story(name).last()).toContainText(ends[i] ?? /^$/);
      await expect(stage.lane(name).locator('.caption')).toContainText(ends[i] ?? /^$/);
      await expect(stage.tab(title).locator('.cell').nth(i)).toHaveText(cells[i] ?? '');
    }
    const story = (await page.locator('.tales').textContent()) ?? '';
    for (const sentence of told) {
      expect(story).toMatch(sentence);
    }
    await expect(page.locator('#stage .stage-head p')).not.toHaveAttribute('data-tone', 'warning');
    await expect(stage.lane(lanes[1])).toHaveAttribute('data-done', 'good');
    await expect(stage.lane(lanes[0])).toHaveAttribute('data-done', 'bad');
  });
}

test('a run is there after a reload, and so is the scoreboard', async ({ page }) => {
  const stage = new StagePage(page);
  await stage.open('double-click');
  await stage.play();
  const said = await stage.verdict.textContent();
  await page.reload();
  await expect(stage.verdict).toHaveText(said ?? '');
  await expect(stage.tab('Double click')).toHaveAccessibleName('Double click: without twice, with once');
  await expect(stage.lane('Without a key')).toContainText('€25.00');
});

test('one lane is played again, beside the other as it was', async ({ page }) => {
  const sent: boolean[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST') {
      sent.push(request.headers()['idempotency-key'] !== undefined);
    }
  });
  const stage = new StagePage(page);
  await stage.open('mismatch');
  await stage.play();
  const verdict = (await stage.verdict.textContent()) ?? '';
  const [before] = await stage.story('Without a key').allTextContents();
  expect(sent.splice(0).sort()).toEqual([false, false, true, true]);
  await page.getByRole('button', { name: 'Play this lane again: with a key' }).click();
  await stage.end();
  await expect(stage.verdict).toHaveText(verdict);
  expect(sent).toEqual([true, true]);
  expect((await stage.story('Without a key').allTextContents())[0]).toBe(before);
});

test('the address names the scenario, back and forth, and a run stays with its own', async ({ page }) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/api/**', async (route) => {
    await released;
    await route.continue();
  });
  const stage = new StagePage(page);
  await stage.open('mismatch');
  await stage.button.click();
  await stage.tab('Double click').click();
  await expect(page).toHaveURL(/\?scenario=double-click$/);
  await expect(page).toHaveTitle('Double click · Idempotent requests');
  await expect(stage.lane('Without a key')).toContainText('€0.00');
  await expect(stage.button).toHaveText('See Other payload playing');
  release();
  await page.goBack();
  await expect(stage.tab('Same key')).toHaveAttribute('aria-selected', 'true');
  await stage.end();
  await expect(stage.verdict).toContainText('With a key it happened once');
});

test('a shared run is replayed from its facts alone, without an API', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const stage = new StagePage(page);
  await stage.open('mismatch');
  await stage.play();
  const verdict = (await stage.verdict.textContent()) ?? '';
  await page.getByRole('button', { name: 'Copy link' }).click();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(copied).toMatch(/\?scenario=mismatch#run=[\w-]+$/);
  const link = await copied();

  const elsewhere = await (await context.browser())?.newContext({ serviceWorkers: 'block' });
  const other = await elsewhere?.newPage();
  if (elsewhere === undefined || other === undefined) {
    throw new Error('no other browser');
  }
  const asked: string[] = [];
  await other.route('**/api/**', (route) => {
    asked.push(route.request().url());
    return route.abort();
  });
  await other.goto(link);
  const shared = new StagePage(other);
  await expect(other.locator('#stage .stage-head p')).toContainText('A recorded run, from');
  await expect(shared.button).toHaveText('Play it yourself');
  await other.getByRole('button', { name: 'Play', exact: true }).click();
  await shared.scrubber.press('End');
  await expect(shared.verdict).toHaveText(verdict);
  expect(asked).toEqual([]);

  await other.goto(link.replace(/#run=.*/, '#run=AAAA'));
  await other.reload();
  await expect(other.locator('#stage .stage-head p')).toContainText('can’t be read');
  await elsewhere.close();
});

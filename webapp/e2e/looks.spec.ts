import type { Locator, Page } from '@playwright/test';
import recorded from '../src/model/recorded.json' with { type: 'json' };
import { expect, expectAccessible, expectToFit, layoutShifts, painted, StagePage, test } from './test.ts';

// What every state of the page owes those who look at it, and those who don't.
test.use({ cutsNetwork: true, expectedStatuses: [400, 404, 409, 422, 429, 500] });

const widths = [320, 360, 414, 760, 1000, 1120, 1240, 1440, 1600] as const;

/** Opens a recorded run, which needs no API: what is looked at is there at once. */
async function openRecorded(page: Page, id: keyof typeof recorded): Promise<StagePage> {
  const stage = new StagePage(page);
  await page.goto(`./?scenario=${id}#run=${recorded[id]}`);
  await expect(page.locator('#stage .stage-head p')).toContainText('A recorded run');
  await stage.scrubber.press('End');
  await expect(stage.verdict).toHaveAttribute('data-hidden', 'false');
  return stage;
}

async function openHood(page: Page, tab: string): Promise<Locator> {
  const title = page.getByRole('button', { name: /^Under the hood/ });
  if ((await title.getAttribute('aria-expanded')) === 'false') {
    await title.click();
  }
  await page.getByRole('tab', { name: tab, exact: true }).click();
  return page.getByRole('tabpanel', { name: tab });
}

/** The states of the page, and the way to each of them. */
const states: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  empty: async (page) => {
    await new StagePage(page).open('burst');
    await expect(new StagePage(page).button).toHaveText('Play both');
  },
  'with a shared run': async (page) => {
    await openRecorded(page, 'two-tabs');
  },
  'with the timeline': async (page) => {
    await openRecorded(page, 'slow');
    await expect(await openHood(page, 'Timeline')).toContainText('Executed again');
  },
  'with the record': async (page) => {
    await openRecorded(page, 'crash');
    await expect(await openHood(page, 'Record')).toContainText('COMPLETED');
  },
  'with the ledger': async (page) => {
    await openRecorded(page, 'burst');
    await expect(await openHood(page, 'Ledger')).toContainText('Confirmed by the API.');
  },
  'played here, with a request opened': async (page) => {
    const stage = new StagePage(page);
    await stage.open('mismatch');
    await stage.play();
    await stage.lane('With a key').getByRole('option', { name: 'Request 2: other payload, 422' }).click();
    await expect(page.getByRole('tabpanel', { name: 'Requests' })).toContainText('Idempotency-Key');
  },
  'with nothing reached': async (page) => {
    await page.route('**/api/**', (route) => route.abort('internetdisconnected'));
    await page.clock.install();
    const stage = new StagePage(page);
    await stage.open('mismatch');
    await stage.play(true);
    await expect(stage.verdict).toContainText('never reached');
  },
  'where nothing may go wrong on purpose': async (page) => {
    await page.route('**/config.json', (route) =>
      route.fulfill({ json: { apiUrl: '/api', stage: 'prod', demoFaults: false } }),
    );
    const stage = new StagePage(page);
    await stage.open('crash');
    await expect(page.locator('#stage .stage-head p')).toHaveText(
      'This deployment lets nothing go wrong on purpose. A recorded run can be replayed.',
    );
    await expect(stage.button).toHaveText('Play a recorded run');
    await stage.button.click();
    await expect(page.locator('#stage .stage-head p')).toContainText('A recorded run, from');
    await stage.scrubber.press('End');
    await expect(stage.verdict).toContainText('With a key it happened once: €12.50.');
  },
};

for (const [state, reach] of Object.entries(states)) {
  test(`${state}: accessible in light and dark, on a desk and on a phone, and in forced colours`, async ({ page }) => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await reach(page);
    for (const width of [1440, 360]) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await expectAccessible(page);
      }
      await expectToFit(page, width);
    }
    await page.emulateMedia({ forcedColors: 'active' });
    await expectAccessible(page);
    await expectMarksToShow(page);
  });
}

/** In forced colours marks keep their fills; what is said by a wash or a fill alone would be gone. */
async function expectMarksToShow(page: Page): Promise<void> {
  const plain = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.legend .face, .coin')]
      .filter((mark) =>
        ['rgba(0, 0, 0, 0)', getComputedStyle(document.body).backgroundColor].includes(
          getComputedStyle(mark).backgroundColor,
        ),
      )
      .map((mark) => mark.outerHTML),
  );
  expect(plain).toEqual([]);
}

test('the stage keeps its height through a run, at every width, and nothing has to be scrolled sideways', async ({
  page,
}) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await openRecorded(page, 'crash');
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    await expectToFit(page, width);
    const heights = await page.evaluate(async () => {
      const slider = document.querySelector<HTMLElement>('[role="slider"]');
      const seen = new Set<number>();
      const press = (key: string) => slider?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      press('Home');
      for (let moment = 0; moment < 60; moment++) {
        press('ArrowRight');
        await new Promise((resolve) => requestAnimationFrame(resolve));
        seen.add(Math.round(document.querySelector('.lanes')?.getBoundingClientRect().height ?? 0));
      }
      return [...seen];
    });
    expect(heights, `heights of the lanes at ${width} px`).toHaveLength(1);
  }
});

for (const viewport of [
  { width: 1440, height: 900 },
  { width: 360, height: 780 },
]) {
  test(`nothing moves by itself in a whole run, ${viewport.width} pixels wide`, async ({ page }) => {
    await page.setViewportSize(viewport);
    const stage = new StagePage(page);
    await stage.open('slow');
    const pressed = await painted(page);
    await stage.button.click();
    await expect(stage.button).toHaveText('Playing');
    const begun = await painted(page);
    await expect(stage.button).toHaveText('Play again');
    await painted(page);
    // What a press changes is no shift, however long a busy machine takes over it.
    expect((await layoutShifts(page)).filter(({ at }) => at < pressed || at > begun)).toEqual([]);
  });
}

test('the hero, both lanes and the player are on the first screen of a laptop', async ({ page }) => {
  for (const [width, height] of [
    [1440, 900],
    [1280, 800],
  ] as const) {
    await page.setViewportSize({ width, height });
    await new StagePage(page).open('burst');
    const player = await page.getByRole('group', { name: 'Replay' }).boundingBox();
    expect(player && player.y + player.height, `${width} × ${height}`).toBeLessThanOrEqual(height);
  }
});

test('everything can be done by keyboard, with one tab stop per list', async ({ page }) => {
  const stage = new StagePage(page);
  await stage.open('burst');
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      return element?.getAttribute('aria-label') ?? element?.textContent?.trim() ?? '';
    });
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Skip to the stage');
  const order: string[] = [];
  for (let stop = 0; stop < 17; stop++) {
    await page.keyboard.press('Tab');
    order.push(await focused());
  }
  expect(order).toEqual([
    'Idempotent requests, start',
    'Scenarios',
    'Playground',
    'How it works',
    'Docs',
    'Like the system',
    'Play both',
    'Burst of duplicates',
    expect.stringContaining('× 2'),
    'Request 1',
    'Request 1',
    'Play',
    'Previous event',
    'Next event',
    'Moment',
    'Speed: 1',
    'Under the hoodtimeline to scale, record, ledger, every request’s headers',
  ]);

  await stage.tab('Burst').focus();
  await page.keyboard.press('ArrowDown');
  await expect(stage.tab('Double click')).toBeFocused();
  await stage.button.press('Enter');
  await stage.end();
  await stage.scrubber.press('Home');
  await page.getByRole('button', { name: 'Next event' }).press('Enter');
  await expect(page.locator('#live')).toContainText('Without a key: The request carries no key');
  await stage.scrubber.press('End');
  await expect(page.locator('#live')).toContainText('Without a key it happened twice');
  const second = stage.lane('With a key').getByRole('option').nth(1);
  await stage.lane('With a key').getByRole('option').first().focus();
  await page.keyboard.press('ArrowRight');
  await expect(second).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('tab', { name: 'Requests' })).toHaveAttribute('aria-selected', 'true');
});

test('without motion everything can be played all the same', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const stage = new StagePage(page);
  await stage.open('double-click');
  await stage.play();
  await expect(stage.verdict).toContainText('once: €12.50');
});

test('a run can be printed: its story, without the controls', async ({ page }) => {
  const stage = await openRecorded(page, 'double-click');
  await page.emulateMedia({ media: 'print' });
  await expect(stage.verdict).toBeVisible();
  await expect(stage.story('With a key').last()).toBeVisible();
  await expect(page.getByRole('group', { name: 'Replay' })).toBeHidden();
  await expect(stage.button).toBeHidden();
});

test('what is loaded later changes nothing of how the first page looks', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await openRecorded(page, 'double-click');
  const address = page.url();
  const looks = async () => {
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.mouse.move(0, 0);
    const found: string[] = [];
    for (const width of [1440, 800, 360]) {
      await page.setViewportSize({ width, height: 900 });
      await painted(page);
      found.push(...(await page.evaluate(looksOfFirstPage)));
    }
    return found;
  };
  const before = await looks();
  for (const tab of ['Timeline', 'Record', 'Ledger', 'Requests']) {
    await openHood(page, tab);
  }
  await page.getByRole('button', { name: /^Under the hood/ }).click();
  await page.getByRole('link', { name: 'Playground' }).click();
  await expect(page.getByRole('button', { name: 'Submit', exact: true })).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL(address);
  await expect(new StagePage(page).verdict).toBeVisible();
  const after = await looks();
  expect(after).toHaveLength(before.length);
  const changed = after.flatMap((element, i) => {
    const earlier = new Set(before[i]?.split('\n'));
    const [name, ...style] = element.split('\n');
    return style.filter((line) => !earlier.has(line)).map((line) => `${name}: ${line}`);
  });
  expect(changed.slice(0, 20)).toEqual([]);
});

/** The name and the style of each element that is there before anything is loaded later. Runs in the page. */
function looksOfFirstPage(): string[] {
  const later = document.querySelector('#hood-body');
  return [...document.querySelectorAll('header.top, header.top *, #view-play *, .how, .how *, .foot, .foot *')]
    .filter((element) => !later?.contains(element))
    .map((element) => {
      const style = getComputedStyle(element);
      const lines = [...style]
        .filter((name) => !name.startsWith('--'))
        .map((name) => `${name}: ${style.getPropertyValue(name)}`);
      return [`${innerWidth} px, ${element.localName}.${[...element.classList].join('.')}`, ...lines].join('\n');
    });
}

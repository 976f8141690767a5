import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { scenarios } from '../src/model/scenarios.ts';
import { expect, StagePage, test } from './test.ts';

// The pictures that the README shows, and the one that goes with a link.
test.use({ expectedStatuses: [404, 409, 422, 500], viewport: { width: 1280, height: 860 } });

const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const preview = fileURLToPath(new URL('../public/preview.png', import.meta.url));
const recorded = fileURLToPath(new URL('../src/model/recorded.json', import.meta.url));

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the stage in ${colorScheme}, at the end of a burst`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    const stage = new StagePage(page);
    await stage.open('burst');
    await stage.play();
    await page.mouse.move(0, 0);
    await stage.stage.screenshot({ path: `${images}burst-${colorScheme}.png` });
  });

  test(`the timeline of a slow answer in ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    const stage = new StagePage(page);
    await stage.open('slow');
    await stage.play();
    await page.getByRole('button', { name: /^Under the hood/ }).click();
    await expect(page.getByRole('tabpanel', { name: 'Timeline' })).toContainText('In progress 409');
    await page.locator('.hood').screenshot({ path: `${images}timeline-${colorScheme}.png` });
  });
}

test('the picture that goes with a link', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  const stage = new StagePage(page);
  await stage.open('burst');
  await stage.play();
  await page.setViewportSize({ width: 1200, height: 630 });
  await page.evaluate(() => document.body.classList.add('og'));
  await expect(stage.lane('With a key')).toContainText('1 charge');
  await page.evaluate(() => window.dispatchEvent(new Event('resize')));
  await page.waitForTimeout(300);
  await page.screenshot({ path: preview });
});

test('a run of every scenario, for the tests of the model and for deployments that let nothing go wrong', async ({
  page,
}) => {
  const stage = new StagePage(page);
  await stage.open(scenarios[0].id);
  for (const { title } of scenarios) {
    await stage.tab(title).click();
    await stage.play();
    await expect(stage.tab(title)).toHaveAccessibleName(/with once$/);
  }
  const kept = () => page.evaluate(() => JSON.parse(localStorage.getItem('idempotent-requests.results') ?? '{}'));
  await expect.poll(async () => Object.keys(await kept()).sort()).toEqual(scenarios.map(({ id }) => id).sort());
  writeFileSync(recorded, `${JSON.stringify(await kept(), null, 2)}\n`);
});

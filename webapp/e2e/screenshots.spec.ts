import { fileURLToPath } from 'node:url';
import { DemoPage, expect, test } from './test.ts';

// The pictures that the README shows. Written on demand, by `make screenshots`: they change with every font.
test.skip(process.env.SCREENSHOTS === undefined, 'only `make screenshots` writes them');
test.use({ expectedStatuses: [404, 409], viewport: { width: 1200, height: 900 } });

const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the page in ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const demo = new DemoPage(page);
    await page.goto('./');
    await demo.way('Without').getByRole('button').click();
    await expect(demo.way('Without')).toContainText('19 charges too many');
    await demo.way('With a key').getByRole('button').click();
    await expect(demo.way('With a key')).toContainText('once, as meant');
    await page.mouse.move(0, 0);
    await demo.region('Burst of duplicates').screenshot({ path: `${images}burst-${colorScheme}.png` });

    await demo.play('Slow first, impatient second', 'With a key');
    await expect(demo.lanes).toContainText(['Executed', 'In progress', 'Server replay'], { timeout: 15_000 });
    await expect(demo.story).toContainText('recorded answer');
    await demo.region('Timeline').screenshot({ path: `${images}timeline-${colorScheme}.png` });
  });
}

import { DemoPage, expect, test } from './test.ts';

// A phone that opens the page on http:// in a LAN: no crypto.randomUUID, no Web Crypto, no Web Locks, no service worker.
test('on http:// in a LAN the page pays, once, and knows it after a reload', async ({ page, baseURL }) => {
  test.skip(!baseURL?.startsWith('http://localhost'), 'a deployment has no such address');
  await page.goto(`${baseURL?.replace('localhost', 'insecure.test')}?view=playground`);
  expect(await page.evaluate(() => [isSecureContext, typeof crypto.randomUUID])).toEqual([false, 'undefined']);
  const demo = new DemoPage(page);
  await demo.submit.click();
  await expect(demo.results.first()).toContainText('Executed');
  await page.reload();
  await demo.submit.click();
  await expect(demo.results.first()).toContainText('Client cache');
});

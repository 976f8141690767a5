import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test as base, expect } from './test.ts';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const types: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

/** The built page in a folder of a site that can be deployed anew, and has no API. */
const test = base.extend<{ site: { readonly url: string; deploy(): void } }>({
  site: async ({ browserName: _ }, use) => {
    let version = 1;
    const server = createServer((request, response) => {
      const name = /^\/some\/where\/([^?]*)/.exec(request.url ?? '')?.[1];
      const file = join(dist, name || 'index.html');
      if (name === 'config.json') {
        response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"stage":"elsewhere"}');
      } else if (name === undefined || !existsSync(file)) {
        response.writeHead(404).end();
      } else {
        const suffix = name === 'service-worker.js' ? `\n// version ${version}` : '';
        response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'image/png' });
        response.end(Buffer.concat([readFileSync(file), Buffer.from(suffix)]));
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await use({
      url: `http://localhost:${port}/some/where/`,
      deploy: () => {
        version += 1;
      },
    });
    server.closeAllConnections();
    server.close();
  },
});

test.use({ cutsNetwork: true, expectedStatuses: [404] });

test('at any path the page opens without network, and a new version waits to be asked for', async ({
  page,
  context,
  site,
}) => {
  const title = page.getByRole('heading', { level: 1 });
  await page.goto(site.url);
  expect(await page.evaluate(async () => (await navigator.serviceWorker.ready).scope)).toBe(site.url);
  await context.setOffline(true);
  await page.reload();
  await expect(title).toBeVisible();
  await context.setOffline(false);

  const loads: string[] = [];
  page.on('load', () => loads.push(page.url()));
  site.deploy();
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  const notice = page.getByText('A new version of this page is ready.');
  await expect(notice).toBeVisible();
  expect(loads).toEqual([]);
  await page.getByRole('button', { name: 'Reload', exact: true }).click();
  await expect.poll(() => loads).toEqual([site.url]);
  await expect(title).toBeVisible();
  await expect(notice).toBeHidden();
});

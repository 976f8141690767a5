import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, StagePage, test } from './test.ts';

// The page on another origin than its API: config.json says where that is.
test.skip(process.env.BASE_URL !== undefined, 'needs an API that lets other origins in, as the local stack does');
test.use({ expectedStatuses: [404, 422] });

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const types: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};

test('is played against an API of another origin', async ({ page, baseURL }) => {
  const api = new URL('api', baseURL).href;
  const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self' ${new URL(api).origin}; manifest-src 'self'; worker-src 'self'`;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/config.json') {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ apiUrl: api, stage: 'elsewhere', demoFaults: true }));
      return;
    }
    const file = join(dist, path === '/' ? 'index.html' : path);
    try {
      const body = readFileSync(file);
      response.writeHead(200, {
        'Content-Type': types[extname(file)] ?? 'image/png',
        'Content-Security-Policy': policy,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await page.goto(`http://localhost:${port}/?scenario=mismatch`);
    const stage = new StagePage(page);
    await stage.play();
    await expect(stage.verdict).toContainText('twice: €1,011.50. With a key it happened once: €12.50.');
    await expect(page.locator('.tales')).toContainText('the record belongs to €12.50');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

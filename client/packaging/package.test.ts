import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launch, Origin, paid } from '../browser/chromium.ts';

/*
 * The package as others get it: packed by npm, installed into a project outside of this repository, and used there by
 * Node, by TypeScript, by bundlers and in a browser.
 */

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
/** The programs that the README shows, by their order. */
const readme = await readFile(join(root, 'README.md'), 'utf8');
const [fiveLines = '', fifteenLines = ''] = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);

let project: string;
let tarball: string;
let browser: Browser;

/** Runs a tool that this package has installed, in the outside project. */
const tool = (name: string, ...given: string[]) => run(join(root, 'node_modules/.bin', name), given, { cwd: project });

const write = (name: string, content: string) => writeFile(join(project, name), content);

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'outside-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', project], { cwd: root });
  const [{ filename }] = JSON.parse(stdout);
  tarball = join(project, filename);
  await write('package.json', JSON.stringify({ name: 'outside', private: true, type: 'module' }));
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], { cwd: project });
  // What an application has anyway.
  await mkdir(join(project, 'node_modules/@types'), { recursive: true });
  for (const name of ['react', 'react-dom', 'scheduler', '@types/react', '@types/react-dom', 'csstype']) {
    await symlink(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  await rm(project, { recursive: true, force: true });
});

describe('the package', () => {
  it('satisfies publint and are-the-types-wrong', async () => {
    const lint = await tool('publint', 'run', tarball, '--strict');
    expect(lint.stdout).toContain('All good!');
    await tool('attw', tarball, '--profile', 'esm-only', '--no-color');
  });

  it('holds what it needs, and no tests', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball]);
    const files = stdout.trim().split('\n');
    expect(files).toEqual(expect.arrayContaining(['package/LICENSE', 'package/README.md', 'package/dist/index.d.ts']));
    expect(files.filter((name) => /test|simulation|browser\//.test(name.replace('storage-browser', '')))).toEqual([]);
  });

  it.each(['nodenext', 'bundler'])('has types for every entry, under %s resolution', async (resolution) => {
    await write(
      'types.ts',
      `import { createBrowserStorage, createClient, type Outcome } from 'idempotent-requests';
      import { parseExactJson } from 'idempotent-requests/exact-json';
      import { idempotentFetch } from 'idempotent-requests/fetch';
      import { useIntent, type IntentHandle } from 'idempotent-requests/react';
      import { sha256 } from 'idempotent-requests/sha256';
      import { createIndexedDbStorage } from 'idempotent-requests/storage/indexed-db';
      import { createLocalStorage } from 'idempotent-requests/storage/local';
      import { createMemoryStorage } from 'idempotent-requests/storage/memory';
      import { drainInBackground, requestBackgroundSync, scopeOfSync } from 'idempotent-requests/worker';
      export const client = createClient({ scope: 's', storage: createBrowserStorage(), platform: { sha256, onQueued: requestBackgroundSync } });
      export const outcome: Promise<Outcome> = client.submit({ url: '/', body: parseExactJson('1'), key: 'k', after: 'l' });
      export const response: Promise<Response> = idempotentFetch('/', { body: '1', retry: { maxAttempts: 2 } });
      export const handle: () => IntentHandle = () => useIntent(client);
      export const others = [createIndexedDbStorage(), createLocalStorage(), createMemoryStorage(), drainInBackground, scopeOfSync];
      // @ts-expect-error a client without a storage
      createClient({ scope: 's' });`,
    );
    const module = resolution === 'nodenext' ? 'nodenext' : 'esnext';
    await tool(
      'tsc',
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--skipLibCheck',
      'false',
      '--types',
      '',
      '--target',
      'es2022',
      '--lib',
      'es2022,dom,dom.iterable',
      '--module',
      module,
      '--moduleResolution',
      resolution,
      'types.ts',
    );
  });
});

describe('Node', () => {
  it('pays by the five lines of the README', async () => {
    expect(fiveLines.trim().split('\n')).toHaveLength(5);
    const shop = new Origin({});
    await shop.listen();
    shop.script = (_, count) => (count === 1 ? { status: 503 } : paid);
    await write('five.js', fiveLines.replace('http://localhost:8080', shop.url()));
    const { stdout } = await run('node', ['five.js'], { cwd: project });
    await shop.close();
    expect(stdout).toBe("201 { id: 'p-1' }\n");
    expect(shop.calls.map(({ body }) => body)).toEqual(Array(2).fill('{"amount":1250,"currency":"EUR"}'));
    expect(shop.keys()).toHaveLength(1);
  });

  it('has the durable client, and ends when there is nothing left to do', async () => {
    const shop = new Origin({});
    await shop.listen();
    await write(
      'durable.js',
      `import { createClient } from 'idempotent-requests';
      import { createMemoryStorage } from 'idempotent-requests/storage/memory';
      const client = createClient({ scope: 's', storage: createMemoryStorage(), retry: { maxAttempts: 1 } });
      const payment = { url: '${shop.url()}/api/payments', body: { amount: 1 } };
      const nowhere = { url: 'http://127.0.0.1:1/', body: { amount: 1 } };
      console.log((await client.submit(payment)).source, (await client.submit(payment)).source);
      console.log((await client.submit(nowhere)).source);`,
    );
    const { stdout } = await run('node', ['durable.js'], { cwd: project, timeout: 300_000 });
    await shop.close();
    expect(stdout).toBe('executed client-cache\nqueued\n');
    expect(shop.calls).toHaveLength(1);
  });
});

/** An application in StrictMode: what the README shows, behind a button. */
const application = `
import { StrictMode, useEffect, createElement as h } from 'react';
import { createRoot } from 'react-dom/client';
import { createBrowserStorage, createClient } from 'idempotent-requests';
import { useIntent } from 'idempotent-requests/react';
import { pay } from './pay.js';
const client = createClient({ scope: 'strict', storage: createBrowserStorage(), retry: { maxAttempts: 1, maxDelayMs: 100 } });
function Shop() {
  useEffect(() => {
    client.resume();
    return () => client.close();
  }, []);
  const { state, submit } = useIntent(client);
  return h('button', { onClick: () => submit({ url: '/api/payments', body: { amount: 2 } }) }, state ?? 'Pay');
}
Object.assign(window, { pay });
createRoot(document.querySelector('main')).render(h(StrictMode, null, h(Shop)));
`;

const page = '<!doctype html><title>outside</title><main></main><script type="module" src="/bundle.js"></script>';

describe.each(['vite', 'webpack'])('%s', (bundler) => {
  it('builds an application in StrictMode that pays once, by the fifteen lines of the README', async () => {
    expect(fifteenLines.trim().split('\n')).toHaveLength(15);
    await write('pay.js', `const token = async () => 't';\n${fifteenLines}`);
    await write('main.js', application);
    if (bundler === 'vite') {
      await write(
        'vite.config.js',
        `export default { logLevel: 'error', build: { outDir: 'out/vite', rolldownOptions: { input: 'main.js', output: { entryFileNames: 'bundle.js' } } } };`,
      );
      await tool('vite', 'build');
    } else {
      // Its command line is a package of its own; this is all that it would do.
      await write(
        'webpack.mjs',
        `import webpack from '${join(root, 'node_modules/webpack/lib/index.js')}';
        const config = { mode: 'production', context: '${project}', entry: './main.js', performance: false,
          output: { path: '${project}/out/webpack', filename: 'bundle.js' } };
        webpack(config, (error, stats) => {
          if (error || stats.hasErrors() || stats.hasWarnings()) {
            console.error(error ?? stats.toString());
            process.exit(1);
          }
          process.exit(); // its idle workers would stay for a minute
        });`,
      );
      await run('node', ['webpack.mjs'], { cwd: project });
    }
    const code = await readFile(join(project, 'out', bundler, 'bundle.js'), 'utf8');
    const shop = new Origin({ '/': page, '/bundle.js': code });
    await shop.listen();
    const context = await browser.newContext();
    try {
      await shopAt(await context.newPage(), shop);
    } finally {
      await context.close();
      await shop.close();
    }
  });
});

async function shopAt(tab: Page, shop: Origin): Promise<void> {
  const errors: string[] = [];
  tab.on('pageerror', ({ message }) => errors.push(message));
  shop.script = ({ body }, count) => (body.includes('"amount":2}') && count === 1 ? { status: 503 } : paid);
  await tab.goto(`${shop.url()}/`);
  const button = tab.getByRole('button');
  await button.dblclick();
  // Lost at first, and sent again by the outbox that StrictMode has closed and opened.
  await tab.getByText('succeeded').waitFor();
  expect(shop.keys()).toHaveLength(1);
  expect(shop.calls).toHaveLength(2);

  const pay = (amount: number) =>
    tab.evaluate(
      (what) =>
        (window as unknown as { pay: (amount: number) => Promise<{ source: string }> }).pay(what).then(
          ({ source }) => source,
          ({ message }) => message,
        ),
      amount,
    );
  expect(await pay(7)).toBe('executed');
  expect(await pay(7)).toBe('client-cache');
  shop.script = () => ({ status: 402 });
  expect(await pay(8)).toBe('The server answered 402');
  expect(shop.calls.at(-1)?.headers.authorization).toBe('Bearer t');
  expect(errors).toEqual([]);
}

describe('a service worker', () => {
  it('sends what a page has left', async () => {
    await write(
      'worker.js',
      `import { createClient } from 'idempotent-requests';
      import { createIndexedDbStorage } from 'idempotent-requests/storage/indexed-db';
      import { drainInBackground, scopeOfSync } from 'idempotent-requests/worker';
      self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
      self.addEventListener('message', (event) => {
        const scope = scopeOfSync(event.data);
        event.waitUntil(
          drainInBackground(createClient({ scope, storage: createIndexedDbStorage() })).then(
            () => event.source.postMessage('drained'),
            ({ message }) => event.source.postMessage(message),
          ),
        );
      });`,
    );
    await write(
      'page.js',
      `import { createBrowserStorage, createClient } from 'idempotent-requests';
      window.client = createClient({ scope: 's', storage: createBrowserStorage(), retry: { maxAttempts: 1 } });
      navigator.serviceWorker.register('/worker.js');`,
    );
    for (const [name, format] of [
      ['worker', 'iife'],
      ['page', 'es'],
    ] as const) {
      await write(
        'vite.config.js',
        `export default { logLevel: 'error', build: { outDir: 'out/${name}', rolldownOptions: { input: '${name}.js', output: { format: '${format}', entryFileNames: 'bundle.js' } } } };`,
      );
      await tool('vite', 'build');
    }
    const built = (name: string) => readFile(join(project, 'out', name, 'bundle.js'), 'utf8');
    const shop = new Origin({ '/': page, '/bundle.js': await built('page'), '/worker.js': await built('worker') });
    await shop.listen();
    const context = await browser.newContext();
    const tab = await context.newPage();
    try {
      shop.script = (_, count) => (count === 1 ? { status: 503 } : paid);
      await tab.goto(`${shop.url()}/`);
      const told = await tab.evaluate(async () => {
        const { client } = window as unknown as {
          client: { submit(what: object): Promise<{ source: string }>; close(): void };
        };
        await navigator.serviceWorker.ready;
        const { source } = await client.submit({ url: '/api/payments', body: { amount: 1 } });
        client.close();
        const { active } = await navigator.serviceWorker.ready;
        const answer = new Promise((resolve) => {
          navigator.serviceWorker.addEventListener('message', ({ data }) => resolve(data));
        });
        active?.postMessage('idempotent-requests/outbox/s');
        return [source, await answer];
      });
      expect(told).toEqual(['queued', 'drained']);
      expect(shop.calls).toHaveLength(2);
      expect(shop.keys()).toHaveLength(1);
    } finally {
      await context.close();
      await shop.close();
    }
  });
});

describe('the weight, minified and gzipped,', () => {
  /** In bytes. */
  const weigh = async (name: string, code: string): Promise<{ bytes: number; text: string }> => {
    await write(`${name}.js`, code);
    await write(
      'vite.config.js',
      `export default { logLevel: 'error', build: { outDir: 'out/${name}', modulePreload: false, rolldownOptions: { input: '${name}.js', preserveEntrySignatures: 'strict', external: ['react'], output: { entryFileNames: 'bundle.js' } } } };`,
    );
    await tool('vite', 'build');
    const text = await readFile(join(project, 'out', name, 'bundle.js'), 'utf8');
    return { bytes: gzipSync(text, { level: 9 }).length, text };
  };

  it.each([
    ['everything', `export * from 'idempotent-requests';`, 9_000],
    ['fetch', `export * from 'idempotent-requests/fetch';`, 3_000],
  ])('of %s is within its budget', async (name, code, budget) => {
    const { bytes } = await weigh(name, code);
    console.log(`${name}: ${bytes} of ${budget} bytes`);
    expect(bytes).toBeLessThanOrEqual(budget);
  });

  it('of a client in memory does not include IndexedDB', async () => {
    const code = `export { createClient } from 'idempotent-requests';
      export { createMemoryStorage } from 'idempotent-requests/storage/memory';`;
    const { bytes, text } = await weigh('memory', code);
    console.log(`memory: ${bytes} bytes`);
    expect(text).not.toContain('indexedDB');
  });
});

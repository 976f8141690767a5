import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundle, launch, Origin, paid } from './chromium.ts';
import type * as everything from './everything.ts';

/*
 * The library in a real Chromium, against servers that do as they are told: whatever depends on the browser's own
 * clocks, storage, locks, tabs and contexts.
 */

type Library = typeof everything;
interface Bench extends Window {
  library: Library;
  client: everything.Client;
}
declare const window: Bench;

let browser: Browser;
let context: BrowserContext;
let code: string;
let origin: Origin;
let other: Origin;

beforeAll(async () => {
  [browser, code] = await Promise.all([launch(), bundle('everything.ts')]);
});

afterAll(() => browser?.close());

beforeEach(async () => {
  const script = '<script type="module">import * as library from "/library.js"; window.library = library;</script>';
  const files = { '/': `<!doctype html><title>a shop</title>${script}`, '/library.js': code };
  origin = new Origin(files);
  other = new Origin(files);
  await Promise.all([origin.listen(), other.listen()]);
  context = await browser.newContext();
});

afterEach(async () => {
  await context.close();
  await Promise.all([origin.close(), other.close()]);
});

/** A day's window by the server's clock, as this project's middleware says it. */
const expiring = () => ({
  ...paid,
  headers: { 'Idempotency-Expires': new Date(Date.now() + 86_400_000).toUTCString() },
});

/** Opens a tab with a client. `init` runs in it before anything else. */
async function open(init?: () => void, retry: object = { maxAttempts: 1 }, url = origin.url()): Promise<Page> {
  const page = await context.newPage();
  if (init) {
    await page.addInitScript(init);
  }
  await load(page, retry, url);
  return page;
}

async function load(page: Page, retry: object = { maxAttempts: 1 }, url = origin.url()): Promise<void> {
  await page.goto(`${url}/`);
  await page.evaluate((policy) => {
    const { createClient, createBrowserStorage, sha256 } = window.library;
    window.client = createClient({ scope: 's', storage: createBrowserStorage(), retry: policy, platform: { sha256 } });
  }, retry);
}

/** Submits, and returns what came of it, without what cannot leave the page. */
function submit(page: Page, amount = 1, url = '/api/payments') {
  return page.evaluate(
    async ([what, to]) => {
      try {
        const { source, intent, attempts } = await window.client.submit({ url: to, body: { amount: what } });
        return { source, key: intent.key, attempts };
      } catch (error) {
        return { error: (error as Error).name, message: (error as Error).message };
      }
    },
    [amount, url] as const,
  );
}

const states = (page: Page) => page.evaluate(async () => (await window.client.entries()).map(({ state }) => state));

describe('a clock that is wrong', () => {
  const ahead = () => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + 2 * 86_400_000;
  };

  it('by two days pays once, also after a reload', async () => {
    origin.script = expiring;
    const page = await open(ahead);
    expect(await submit(page)).toMatchObject({ source: 'executed' });
    for (let time = 0; time < 3; time++) {
      expect(await submit(page)).toMatchObject({ source: 'client-cache' });
      await load(page);
    }
    expect(origin.calls).toHaveLength(1);
  });

  it('lets what is queued go out', async () => {
    origin.script = (_, count) => (count === 1 ? { ...expiring(), status: 503 } : expiring());
    const page = await open(ahead);
    expect(await submit(page)).toMatchObject({ source: 'queued' });
    await load(page);
    await page.evaluate(() => window.client.resume());
    expect(await states(page)).toEqual(['succeeded']);
    expect(origin.keys()).toHaveLength(1);
  });
});

describe('one intent', () => {
  it('whose server hangs, or refuses connections, starves no other', async () => {
    const refusing = new Origin({});
    await refusing.listen();
    const nowhere = refusing.url();
    await refusing.close();
    origin.script = ({ body }) => (body.includes('"amount":1}') ? undefined : paid);
    const page = await open();
    await context.setOffline(true);
    for (const [amount, url] of [
      [1, '/api/payments'],
      [2, `${nowhere}/api/payments`],
      [3, `${other.url()}/api/payments`],
      [4, '/api/payments'],
    ] as const) {
      expect(await submit(page, amount, url)).toMatchObject({ source: 'queued' });
    }
    await context.setOffline(false);
    await page.evaluate(() => void window.client.resume());
    await expect.poll(() => states(page)).toEqual(['in-flight', 'queued', 'succeeded', 'succeeded']);
  });

  it('that a newer version of the page has written is taken', async () => {
    const page = await open();
    const first = await submit(page);
    await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const opening = indexedDB.open('idempotent-requests');
          opening.onerror = reject;
          opening.onsuccess = () => {
            const change = opening.result.transaction('intents', 'readwrite');
            const cursor = change.objectStore('intents').openCursor();
            cursor.onsuccess = () => {
              if (cursor.result?.value.startsWith('{')) {
                cursor.result.update(cursor.result.value.replace('"v":2', '"v":3'));
              }
              cursor.result?.continue();
            };
            change.oncomplete = resolve;
          };
        }),
    );
    expect(await submit(page)).toMatchObject({ error: 'UnreadableError' });
    expect(origin.keys()).toEqual([(first as { key: string }).key]);
    expect(origin.calls).toHaveLength(1);
  });
});

describe('a browser that fails', () => {
  it('by a connection to IndexedDB that dies without an event costs nothing', async () => {
    const page = await open(() => {
      const { open: really } = IDBFactory.prototype;
      const opened: IDBOpenDBRequest[] = [];
      Object.assign(window, { opened });
      IDBFactory.prototype.open = function (...given) {
        const request = really.apply(this, given);
        opened.push(request);
        return request;
      };
    });
    const kill = () =>
      page.evaluate(() => {
        for (const { result } of (window as unknown as { opened: IDBOpenDBRequest[] }).opened) {
          result.close();
        }
      });
    await submit(page);
    await kill();
    expect(await submit(page)).toMatchObject({ source: 'client-cache' });
    await kill();
    expect(await submit(page, 2)).toMatchObject({ source: 'executed' });
    await kill();
    await page.evaluate(() => window.client.resume());
    expect(origin.calls).toHaveLength(2);
  });

  it('by believing to be offline still sends what a server can be reached for', async () => {
    const page = await open(() => {
      Object.defineProperty(Navigator.prototype, 'onLine', { get: () => false });
    });
    expect(await submit(page)).toMatchObject({ source: 'executed' });
    expect(origin.calls).toHaveLength(1);
  });

  it('by having no Web Locks makes one key in 20 races of two tabs', async () => {
    const lockless = () => {
      Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
    };
    const tabs = [await open(lockless), await open(lockless)];
    for (let race = 0; race < 20; race++) {
      await Promise.all(tabs.map((tab) => submit(tab, race)));
    }
    const keysOf = new Map<string, Set<string>>();
    for (const { body, key } of origin.calls) {
      keysOf.set(body, (keysOf.get(body) ?? new Set()).add(key));
    }
    expect(keysOf.size).toBe(20);
    expect([...keysOf.values()].filter(({ size }) => size !== 1)).toEqual([]);
  });

  it('by having no BroadcastChannel, and a tab that dies, leaves nobody waiting', async () => {
    const deaf = () => {
      Object.defineProperty(globalThis, 'BroadcastChannel', { value: undefined });
    };
    origin.script = (_, count) => (count === 1 ? undefined : paid);
    const patience = { maxAttempts: 1, totalTimeoutMs: 2_000 };
    const [first, second] = [await open(deaf), await open(deaf, patience)];
    const coming = origin.next();
    void submit(first).catch(() => {});
    const { key } = await coming;
    const waiting = second.evaluate((name) => window.client.wait(name).then(({ status }) => status), key);
    const [status] = await Promise.all([waiting, first.close({ runBeforeUnload: false })]);
    expect(status).toBe(201);
    expect(origin.keys()).toEqual([key]);
  });

  it('by a context that is not secure works all the same, and says what is missing', async () => {
    const insecure = origin.url('insecure.test');
    const page = await context.newPage();
    await page.goto(`${insecure}/`);
    const missing = await page.evaluate(() => {
      const { createClient, createBrowserStorage } = window.library;
      try {
        createClient({ scope: 's', storage: createBrowserStorage() });
        return 'nothing';
      } catch (error) {
        return `${isSecureContext} ${(error as Error).message}`;
      }
    });
    expect(missing).toBe('false no crypto.subtle: give platform.sha256');
    await load(page, { maxAttempts: 1 }, insecure);
    expect(await submit(page)).toMatchObject({ source: 'executed' });
    await load(page, { maxAttempts: 1 }, insecure);
    expect(await submit(page)).toMatchObject({ source: 'client-cache' });
    expect(origin.calls).toHaveLength(1);
  });
});

describe('the outbox of an open page', () => {
  it('wakes by itself once the server has recovered, without resume', async () => {
    origin.script = (_, count) => (count === 1 ? { status: 503 } : paid);
    const page = await open(undefined, { maxAttempts: 1, maxDelayMs: 100 });
    expect(await submit(page)).toMatchObject({ source: 'queued' });
    await expect.poll(() => states(page)).toEqual(['succeeded']);
    expect(origin.keys()).toHaveLength(1);
  });

  it('obeys a Retry-After of an hour over ten focus events and a reload', async () => {
    origin.script = () => ({ status: 503, headers: { 'Retry-After': '3600' } });
    const page = await open();
    expect(await submit(page)).toMatchObject({ source: 'queued' });
    const focus = async () => {
      for (let time = 0; time < 10; time++) {
        await page.evaluate(() => window.dispatchEvent(new Event('focus')));
      }
    };
    await focus();
    await load(page);
    await page.evaluate(() => window.client.resume());
    await focus();
    expect(await submit(page)).toMatchObject({ source: 'queued', attempts: 0 });
    expect(origin.calls).toHaveLength(1);
  });

  it('goes on after somebody has signed in again', async () => {
    let signedIn = false;
    origin.script = () => (signedIn ? paid : { status: 401 });
    const page = await open();
    expect(await submit(page)).toMatchObject({ source: 'queued' });
    expect(await states(page)).toEqual(['blocked']);
    signedIn = true;
    await page.evaluate(() => window.client.resume());
    expect(await states(page)).toEqual(['succeeded']);
    expect(origin.keys()).toHaveLength(1);
  });

  it('lives again after close and resume', async () => {
    origin.script = (_, count) => (count === 1 ? { status: 503 } : paid);
    const page = await open();
    await submit(page);
    await page.evaluate(() => {
      window.client.close();
      return window.client.resume();
    });
    expect(await states(page)).toEqual(['succeeded']);
  });
});

describe('a submission', () => {
  it('heeds its signal while another tab has the intent in hand', async () => {
    origin.script = () => undefined;
    const [first, second] = [await open(), await open()];
    const coming = origin.next();
    void submit(first).catch(() => {});
    await coming;
    // Whatever lock of the library's another tab may hold.
    await first.evaluate(() => {
      void navigator.locks.request('idempotent-requests/journal/s', () => new Promise(() => {}));
    });
    const outcome = await second.evaluate(() => {
      const signal = AbortSignal.timeout(1_000);
      return window.client.submit({ url: '/api/payments', body: { amount: 1 } }, { signal }).catch(({ name }) => name);
    });
    expect(outcome).toBe('TimeoutError');
    expect(origin.calls).toHaveLength(1);
  });

  it('that is redirected into a GET is no success', async () => {
    origin.script = ({ method }) => (method === 'GET' ? paid : { status: 302, headers: { Location: '/api/login' } });
    const page = await open();
    expect(await submit(page)).toMatchObject({ error: 'ProblemError', message: 'The server redirects' });
    expect(origin.calls.map(({ method }) => method)).toEqual(['POST']);
    expect(await states(page)).toEqual(['failed']);
  });

  it('fails with errors that keep their names in a minified build', async () => {
    origin.script = () => ({ status: 422 });
    const page = await open();
    expect(await submit(page)).toMatchObject({ error: 'ProblemError' });
    const lost = await page.evaluate(async () => {
      const intent = await window.client.prepare({ url: 'http://127.0.0.1:1/', body: 1 });
      return window.client.send(intent).catch(({ name }) => name);
    });
    expect(lost).toBe('NetworkError');
  });

  it('survives a tab that is killed at any moment', async () => {
    for (let moment = 0; moment < 15; moment++) {
      const page = await open();
      void submit(page, moment).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, moment * 2));
      await page.close({ runBeforeUnload: false });
    }
    const page = await open();
    await page.evaluate(() => window.client.resume());
    // A dead tab's lock can outlast it by moments; its intent is sent at the next alarm.
    await expect
      .poll(() => states(page), { timeout: 90_000, interval: 250 })
      .toSatisfy((found: string[]) => found.every((state) => state === 'succeeded'));
    const ended = await states(page);
    const bodies = new Set(origin.calls.map(({ body }) => body));
    expect(origin.keys()).toHaveLength(bodies.size);
    expect(ended).toHaveLength(bodies.size);
  }, 120_000);
});

describe('idempotentFetch', () => {
  it('sends a form with the same key and the same bytes until it is answered', async () => {
    origin.script = (_, count) => (count < 3 ? { status: 503 } : paid);
    const page = await open();
    const status = await page.evaluate(async () => {
      const body = new FormData();
      body.set('amount', '1');
      body.set('receipt', new Blob(['%PDF']), 'receipt.pdf');
      const response = await window.library.idempotentFetch('/api/payments', { body, retry: { baseDelayMs: 10 } });
      return [response.status, await response.json()];
    });
    expect(status).toEqual([201, { id: 'p-1' }]);
    expect(origin.calls).toHaveLength(3);
    expect(origin.keys()).toHaveLength(1);
    expect(new Set(origin.calls.map(({ body }) => body)).size).toBe(1);
    expect(new Set(origin.calls.map(({ headers }) => headers['content-type'])).size).toBe(1);
  });

  it('refuses a Request, for which a browser would ask another address', async () => {
    const page = await open();
    const error = await page.evaluate(() =>
      window.library.idempotentFetch(new Request('/api/payments') as unknown as URL).then(
        ({ url }) => url,
        ({ name }) => name,
      ),
    );
    expect(error).toBe('TypeError');
    expect(origin.calls).toHaveLength(0);
  });
});

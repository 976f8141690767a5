import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createShell, type ShellManifest } from './shell.ts';

const scope = 'https://site.example/demo/';
const manifest = (version: string): ShellManifest => ({
  version,
  files: [
    { url: 'index.html', integrity: 'sha256-page' },
    { url: 'assets/index.js', integrity: 'sha256-script' },
  ],
});

/** A site that answers what `content` says, and the caches of its origin. */
class Site {
  readonly caches = new Map<string, Map<string, Response>>();
  readonly fetched: { url: string; integrity: string }[] = [];
  /** Whether each request for the configuration had a time limit. */
  readonly limited: boolean[] = [];
  content: Record<string, () => Response> = {};
  online = true;

  private async fetch(request: string | Request): Promise<Response> {
    const { url, integrity = '' }: Partial<Request> & { url: string } =
      typeof request === 'string' ? { url: request } : request;
    this.fetched.push({ url, integrity });
    if (!this.online) {
      throw new TypeError('no network');
    }
    return this.content[url]?.() ?? new Response('missing', { status: 404 });
  }

  private open(name: string) {
    const cache = this.caches.get(name) ?? new Map<string, Response>();
    this.caches.set(name, cache);
    return {
      match: async (url: string) => cache.get(url)?.clone(),
      put: async (url: string, response: Response) => void cache.set(url, response),
      delete: async (url: string) => cache.delete(url),
      addAll: async (requests: readonly Request[]) => {
        const responses = await Promise.all(requests.map((request) => this.fetch(request)));
        if (responses.some(({ ok }) => !ok)) {
          throw new TypeError('a file is missing');
        }
        for (const [index, { url }] of requests.entries()) {
          cache.set(url, responses[index] as Response);
        }
      },
    };
  }

  shell(version = '1') {
    return createShell(manifest(version), scope, {
      fetch: (request, init) => {
        if (request === `${scope}config.json`) {
          this.limited.push((init?.signal ?? null) !== null);
        }
        return this.fetch(request);
      },
      caches: {
        open: async (name) => this.open(name) as unknown as Cache,
        keys: async () => [...this.caches.keys()],
        delete: async (name) => this.caches.delete(name),
      },
    });
  }
}

const get = (path: string, init: Partial<Request> = {}) =>
  ({ method: 'GET', mode: 'cors', url: new URL(path, scope).href, ...init }) as Request;
const navigation = (path: string) => get(path, { mode: 'navigate' });

let site: Site;

beforeEach(() => {
  // happy-dom's forgets the integrity.
  vi.stubGlobal(
    'Request',
    class {
      constructor(url: string, init: RequestInit) {
        Object.assign(this, { url, ...init });
      }
    },
  );
  site = new Site();
  site.content = {
    [`${scope}index.html`]: () => new Response('the page'),
    [`${scope}assets/index.js`]: () => new Response('the script'),
    [`${scope}config.json`]: () => Response.json({ stage: 'first' }),
  };
});

const text = async (response: Promise<Response> | undefined) => (await response)?.text();

describe('the shell', () => {
  it('is there without network once installed', async () => {
    const shell = site.shell();
    await shell.install();
    site.online = false;
    expect(await text(shell.respond(navigation('./')))).toBe('the page');
    expect(await text(shell.respond(navigation('./?scenario=burst')))).toBe('the page');
    expect(await text(shell.respond(navigation('./index.html')))).toBe('the page');
    expect(await text(shell.respond(get('assets/index.js')))).toBe('the script');
    expect(await text(shell.respond(get('config.json')))).toBe('{"stage":"first"}');
  });

  it('is installed whole, as it was built, or not at all', async () => {
    await site.shell().install();
    expect(site.fetched.map(({ integrity }) => integrity)).toEqual(['sha256-page', 'sha256-script', '']);
    site.content[`${scope}assets/index.js`] = () => new Response('gone', { status: 404 });
    await expect(site.shell('2').install()).rejects.toThrow('missing');
  });

  it('is installed where there is no configuration', async () => {
    delete site.content[`${scope}config.json`];
    await site.shell().install();
    expect((await site.shell().respond(get('config.json')))?.status).toBe(404);
  });

  it('does not touch what is not its own', () => {
    const shell = site.shell();
    for (const request of [
      get('/api/payments'),
      get('/api/payments', { method: 'POST' }),
      get('./', { method: 'POST' }),
      get('icons/192.png'),
      get('https://elsewhere.example/demo/index.html'),
      get('https://site.example/config.json'),
      navigation('/api/problems'),
      navigation('/other/'),
    ]) {
      expect(shell.respond(request), `${request.method} ${request.url}`).toBeUndefined();
    }
  });

  it('asks the network where a browser has thrown away what was kept', async () => {
    expect(await text(site.shell().respond(get('assets/index.js')))).toBe('the script');
  });

  it('stays at its version until the next one is activated, which then cleans up', async () => {
    const old = site.shell('1');
    await old.install();
    const others = ['idempotent-requests/%2F/shell/1', 'idempotent-requests/%2Fdemo%2Fsub%2F/shell/1', 'theirs'];
    for (const name of others) {
      site.caches.set(name, new Map());
    }
    site.content[`${scope}index.html`] = () => new Response('the next page');
    const next = site.shell('2');
    await next.install();
    expect(await text(old.respond(navigation('./')))).toBe('the page');
    await next.activate();
    expect(await text(next.respond(navigation('./')))).toBe('the next page');
    const own = ['idempotent-requests/%2Fdemo%2F/config', 'idempotent-requests/%2Fdemo%2F/shell/2'];
    expect([...site.caches.keys()].sort()).toEqual([...own, ...others].sort());
  });
});

describe('the configuration', () => {
  const config = (shell = site.shell()) => text(shell.respond(get('config.json')));

  it('is the newest that the network gives, else the last one', async () => {
    await site.shell().install();
    site.content[`${scope}config.json`] = () => Response.json({ stage: 'second' });
    expect(await config()).toBe('{"stage":"second"}');
    site.content[`${scope}config.json`] = () => new Response('busy', { status: 503 });
    expect(await config()).toBe('{"stage":"second"}');
    site.online = false;
    expect(await config()).toBe('{"stage":"second"}');
  });

  it('is waited for as long as it takes where nothing is kept', async () => {
    await site.shell().install();
    await config();
    expect(site.limited).toEqual([false, true]);
  });

  it('is forgotten once it is gone', async () => {
    await site.shell().install();
    delete site.content[`${scope}config.json`];
    expect(await config()).toBe('missing');
    site.online = false;
    await expect(config()).rejects.toThrow('no network');
  });

  it('fails as the network does where nothing is kept', async () => {
    site.content[`${scope}config.json`] = () => new Response('busy', { status: 503 });
    expect(await config()).toBe('busy');
  });
});

/** The files that the page is made of. */
export interface ShellManifest {
  /** Another for every other set of contents. */
  readonly version: string;
  readonly files: readonly {
    /** Relative to the service worker. */
    readonly url: string;
    /** Subresource Integrity metadata: what is cached is what was built together, even while a deployment is under way. */
    readonly integrity: string;
  }[];
}

/** What it needs of the service worker's surroundings. */
export interface ShellPlatform {
  readonly fetch: (request: string | Request, init?: RequestInit) => Promise<Response>;
  readonly caches: Pick<CacheStorage, 'open' | 'keys' | 'delete'>;
}

/** The page's files, kept for when there is no network. */
export interface Shell {
  /** Fetches every file of this version, all or none. */
  install(): Promise<void>;
  /** Removes what former versions kept. */
  activate(): Promise<void>;
  /** The answer to a request for the page, one of its files or its configuration. Undefined for all others, the API's above all. */
  respond(request: Request): Promise<Response> | undefined;
}

/** How long the configuration may take before what is kept of it will do, in milliseconds. */
const configPatience = 2_000;

/** @param scope the absolute URL of the folder that the page is served from, with a slash at its end */
export function createShell(manifest: ShellManifest, scope: string, { fetch, caches }: ShellPlatform): Shell {
  const absolute = (url: string) => new URL(url, scope).href;
  const page = absolute('index.html');
  const config = absolute('config.json');
  const files = new Set(manifest.files.map(({ url }) => absolute(url)));

  // All paths of an origin share its caches; the scope keeps two deployments apart.
  const prefix = `idempotent-requests/${encodeURIComponent(new URL(scope).pathname)}/`;
  const shellCache = `${prefix}shell/${manifest.version}`;
  const configCache = `${prefix}config`;

  async function fromShell(url: string, request: Request): Promise<Response> {
    const cache = await caches.open(shellCache);
    return (await cache.match(url, { ignoreVary: true })) ?? fetch(request);
  }

  /** The network's configuration where that answers in time, else the last one. Without a last one any time will do. */
  async function freshConfig(): Promise<Response> {
    const cache = await caches.open(configCache);
    const last = await cache.match(config);
    try {
      const signal = last === undefined ? null : AbortSignal.timeout(configPatience);
      const response = await fetch(config, { cache: 'no-cache', signal });
      if (response.ok) {
        await cache.put(config, response.clone());
      } else if (response.status < 500) {
        await cache.delete(config); // there is none any more
      } else {
        return last ?? response;
      }
      return response;
    } catch (error) {
      if (last === undefined) {
        throw error;
      }
      return last;
    }
  }

  return {
    install: async () => {
      const cache = await caches.open(shellCache);
      const requests = manifest.files.map(
        ({ url, integrity }) => new Request(absolute(url), { integrity, cache: 'no-cache' }),
      );
      await cache.addAll(requests);
      await freshConfig().catch(() => {}); // a page without one has its defaults
    },
    activate: async () => {
      const kept = [shellCache, configCache];
      const old = (await caches.keys()).filter((name) => name.startsWith(prefix) && !kept.includes(name));
      await Promise.all(old.map((name) => caches.delete(name)));
    },
    respond: (request) => {
      if (request.method !== 'GET') {
        return undefined;
      }
      const { origin, pathname } = new URL(request.url);
      const url = origin + pathname;
      if (request.mode === 'navigate') {
        return url === scope || url === page ? fromShell(page, request) : undefined;
      }
      if (url === config) {
        return freshConfig();
      }
      return files.has(request.url) ? fromShell(request.url, request) : undefined;
    },
  };
}

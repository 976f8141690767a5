import {
  type Client,
  type ClientOptions,
  createBrowserStorage,
  createClient,
  type Problem,
  readProblem,
} from 'idempotent-requests';
import { sha256 } from 'idempotent-requests/sha256';
import { requestBackgroundSync } from 'idempotent-requests/worker';
import type { Config } from './config.ts';
import { createNetwork, type Network } from './network.ts';
import type { SessionStore } from './session.ts';

/** An error answer to a plain request. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = 'ApiError';
    this.problem = problem;
  }
}

/** The API as one visitor's session sees it. */
export interface Api {
  readonly sessionId: string;
  /** Whether it makes requests go wrong when asked to. */
  readonly faults: boolean;
  readonly network: Network;
  /** The session's client: what is submitted through it is written down first, and happens once. */
  readonly client: Client;
  /** A client that knows nothing of the other, for duplicates that are to leave all the same. */
  readonly stranger: (options?: Pick<ClientOptions, 'retry'>) => Client;
  /** Has the next request with this key ask for a `Demo-Fault`. Retries of it ask for none. */
  readonly askForFault: (key: string, fault: string | undefined) => void;
  /** The absolute URL of a path below the API's root: `/payments`. */
  readonly url: (path: string) => string;
  /** A POST without a key: what happens where nobody thought of duplicates. */
  readonly post: (path: string, body: unknown, fault?: string) => Promise<Response>;
  /** @throws {ApiError} on an error answer */
  readonly get: <T>(path: string, signal: AbortSignal) => Promise<T>;
}

/** Binds the API to the store's current session. Make a new one when the session changes. */
export function createApi(config: Config, sessions: SessionStore): Api {
  const { id } = sessions.get();
  const scope = { 'Demo-Session': id };
  const url = (path: string) => new URL(config.apiUrl + path, location.href).href;
  const network = createNetwork(sessions.countRequest);
  const { fetch: send, online, reachable, onWake } = network;
  // One for all clients of the page: a stranger stores nothing.
  const storage = createBrowserStorage();
  const faults = new Map<string, string>();

  const createOwnClient = (options: Pick<ClientOptions, 'retry'> = {}) =>
    createClient({
      ...options,
      scope: id,
      headers: ({ key }) => {
        const fault = faults.get(key);
        faults.delete(key);
        return { ...scope, ...(fault && { 'Demo-Fault': fault }) };
      },
      storage,
      // The page works on http:// in a LAN, too, where browsers offer no Web Crypto.
      platform: { sha256, fetch: send, online, reachable, onWake, onQueued: requestBackgroundSync },
    });

  return {
    sessionId: id,
    faults: config.demoFaults,
    network,
    client: createOwnClient(),
    stranger: createOwnClient,
    askForFault: (key, fault) => {
      if (fault !== undefined) {
        faults.set(key, fault);
      }
    },
    url,
    post: (path, body, fault) =>
      send(url(path), {
        method: 'POST',
        headers: { ...scope, 'Content-Type': 'application/json', ...(fault && { 'Demo-Fault': fault }) },
        body: JSON.stringify(body),
        cache: 'no-store',
      }),
    get: async <T>(path: string, signal: AbortSignal) => {
      const response = await fetch(url(path), { headers: scope, cache: 'no-store', signal });
      if (!response.ok) {
        const body = new Uint8Array(await response.arrayBuffer());
        throw new ApiError(readProblem({ status: response.status, headers: response.headers, body }));
      }
      return (await response.json()) as T;
    },
  };
}

import { type Client, createClient, type Problem, readProblem } from '../idempotency/index.ts';
import type { Config } from './config.ts';
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
  /** The absolute URL of a path below the API's root: `/payments`. */
  readonly url: (path: string) => string;
  /** For what must happen once. */
  readonly idempotent: Client;
  /** A POST without key or retry: what happens where nobody thought of duplicates. Resolves whatever the status. */
  readonly postUnprotected: (path: string, body: Uint8Array<ArrayBuffer>) => Promise<Response>;
  /** @throws {ApiError} on an error answer */
  readonly get: <T>(path: string, signal: AbortSignal) => Promise<T>;
}

/** Binds the API to the store's current session. Make a new one when the session changes. */
export function createApi(config: Config, sessions: SessionStore): Api {
  const { id } = sessions.get();
  const scope = { 'Demo-Session': id };
  const url = (path: string) => new URL(config.apiUrl + path, location.href).href;
  const countingFetch = (input: string, init: RequestInit) => {
    sessions.countRequest();
    return fetch(input, init);
  };

  return {
    sessionId: id,
    url,
    idempotent: createClient({ scope: id, headers: () => scope, platform: { fetch: countingFetch } }),
    postUnprotected: (path, body) =>
      countingFetch(url(path), {
        method: 'POST',
        headers: { ...scope, 'Content-Type': 'application/json' },
        body,
        cache: 'no-store',
      }),
    get: async <T>(path: string, signal: AbortSignal) => {
      const response = await fetch(url(path), { headers: scope, cache: 'no-store', signal });
      if (!response.ok) {
        const body = new Uint8Array(await response.arrayBuffer());
        throw new ApiError(readProblem(response.status, response.headers.get('Content-Type'), body));
      }
      return (await response.json()) as T;
    },
  };
}

import { type Client, createClient, type Problem, type RetryPolicy, readProblem } from '../idempotency/index.ts';
import type { Config } from './config.ts';
import type { SessionStore } from './session.ts';
import { type Attempt, problemVerdict } from './submission.ts';

/** An error answer to a plain request. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = 'ApiError';
    this.problem = problem;
  }
}

/** How one submission's requests are made. */
export interface Conduct {
  /** Told when a request leaves; what it returns is told how that ended. */
  readonly watch?: (attempt: Attempt) => (ended: Attempt) => void;
  /** A `Demo-Fault` for the first request. Retries ask for none. */
  readonly fault?: string | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
}

/** The API as one visitor's session sees it. */
export interface Api {
  readonly sessionId: string;
  /** Whether it makes requests go wrong when asked to. */
  readonly faults: boolean;
  /** The absolute URL of a path below the API's root: `/payments`. */
  readonly url: (path: string) => string;
  /** For what must happen once: a client of its own for each caller, so that duplicates really leave. */
  readonly idempotent: (conduct?: Conduct) => Client;
  /** A function that makes a POST without a key: what happens where nobody thought of duplicates. */
  readonly unprotected: (path: string, body: unknown, conduct?: Conduct) => () => Promise<Response>;
  /** @throws {ApiError} on an error answer */
  readonly get: <T>(path: string, signal: AbortSignal) => Promise<T>;
}

/** Binds the API to the store's current session. Make a new one when the session changes. */
export function createApi(config: Config, sessions: SessionStore): Api {
  const { id } = sessions.get();
  const scope = { 'Demo-Session': id };
  const url = (path: string) => new URL(config.apiUrl + path, location.href).href;

  const watchedFetch =
    ({ watch, fault }: Conduct) =>
    async (input: string, init: RequestInit): Promise<Response> => {
      sessions.countRequest();
      const asked = fault;
      fault = undefined;
      const started: Attempt = { startedAt: now(), verdict: 'pending', ...(asked && { fault: asked }) };
      const end = watch?.(started) ?? (() => {});
      try {
        const headers = { ...(init.headers as Record<string, string>), ...(asked && { 'Demo-Fault': asked }) };
        const response = await fetch(input, { ...init, headers });
        // Read to its end here, so that its time is the whole answer's.
        const body = new Uint8Array(await response.arrayBuffer());
        end({ ...started, ...ending(response, body, now()) });
        return new Response(body.byteLength > 0 ? body : null, response);
      } catch (error) {
        end({ ...started, endedAt: now(), verdict: 'no-answer' });
        throw error;
      }
    };

  return {
    sessionId: id,
    faults: config.demoFaults,
    url,
    idempotent: (conduct = {}) =>
      createClient({
        scope: id,
        headers: () => scope,
        retry: conduct.retry ?? {},
        platform: { fetch: watchedFetch(conduct) },
      }),
    unprotected: (path, body, conduct = {}) => {
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const headers = { ...scope, 'Content-Type': 'application/json' };
      const send = watchedFetch(conduct);
      return () => send(url(path), { method: 'POST', headers, body: bytes, cache: 'no-store' });
    },
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

/** How a request ended that was answered. */
function ending(response: Response, body: Uint8Array, endedAt: number): Omit<Attempt, 'startedAt'> {
  const { ok, status, headers } = response;
  const retryAfter = Number(headers.get('Retry-After') ?? Number.NaN);
  return {
    endedAt,
    status,
    verdict: ok
      ? headers.get('Idempotent-Replayed') === 'true'
        ? 'server-replay'
        : 'executed'
      : problemVerdict(readProblem(status, headers.get('Content-Type'), body)),
    ...(Number.isFinite(retryAfter) && { retryAt: endedAt + retryAfter * 1_000 }),
  };
}

/** Epoch milliseconds, finer than `Date.now()`. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

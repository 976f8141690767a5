import { vi } from 'vitest';

/** Answers a request; throw a TypeError to break the connection, as `fetch` would. */
export type Route = (request: Request) => Response | Promise<Response>;

let missed: string[] = [];

/** A `fetch` that answers nothing and remembers what it was asked. */
export async function unhandled(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  // A browser without network reaches nobody, whatever is asked.
  if (navigator.onLine) {
    missed.push(`${request.method} ${request.url}`);
  }
  throw new TypeError(`no route for ${request.method} ${request.url}`);
}

/** Returns what nothing answered since the last call. */
export function takeUnhandled(): string[] {
  const taken = missed;
  missed = [];
  return taken;
}

/**
 * Replaces the network for one test. Routes are named by method and path, `POST /api/payments`, or by the beginning of
 * the path: `GET /api/payments/*`.
 *
 * @returns the requests that were answered, in order
 */
export function serve(routes: Record<string, Route>): Request[] {
  const answered: Request[] = [];
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    const asked = `${request.method} ${new URL(request.url).pathname}`;
    const family = Object.keys(routes).find((name) => name.endsWith('/*') && asked.startsWith(name.slice(0, -1)));
    const route = routes[asked] ?? routes[family ?? ''];
    if (route === undefined) {
      return unhandled(input, init);
    }
    answered.push(request.clone());
    return route(request);
  });
  return answered;
}

/** A JSON answer. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });
}

/** A problem document of the API's own types. */
export function problem(
  status: number,
  slug: string,
  members: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Response {
  const type = `https://github.com/idempotent-requests/idempotent-requests/blob/main/docs/http-api.md#${slug}`;
  return json(
    status,
    { type, title: slug, status, ...members },
    { 'Content-Type': 'application/problem+json', ...headers },
  );
}

import { readProblem } from './problem.ts';
import type { ReadResponse } from './response.ts';
import { attempt, attempts, type Classify, judge, type RetryPolicy, retryPolicy } from './retry.ts';
import { type Runtime, runtime } from './runtime.ts';

/** What {@link idempotentFetch} takes besides what `fetch` does. */
export interface IdempotentInit extends RequestInit {
  /** The idempotency key. Default: the one among the headers, else a random UUID for `POST` and `PATCH`. */
  readonly idempotencyKey?: string;
  readonly retry?: Partial<RetryPolicy>;
  readonly classify?: Classify;
  /** Replaces parts of the runtime, in tests above all. */
  readonly runtime?: Partial<Runtime>;
}

/** The methods that get a key unasked. HTTP lets the others be repeated without one (RFC 9110 §9.2.2). */
const keyed = new Set(['POST', 'PATCH']);

/**
 * `fetch` with an idempotency key: `POST` unless told otherwise, the same key and the same bytes for every attempt, and
 * attempts by the rules until a response is final. It stores nothing: to do something once even over reloads and double clicks, use `createClient`.
 *
 * Returns the last response, read to its end, errors included, as `fetch` does. Redirects are not followed unless
 * `redirect` says so, because browsers turn a redirected POST into a GET.
 *
 * @throws what the last attempt threw if no response came; the signal's reason once that aborts; {@link TypeError} if
 * there cannot be such a request
 */
export const idempotentFetch = async (url: string | URL, init: IdempotentInit = {}): Promise<Response> => {
  const { idempotencyKey, retry, classify, runtime: replaced, signal: given, ...rest } = init;
  const signal = given ?? undefined;
  const platform: Runtime = { ...runtime, ...replaced };
  const policy = retryPolicy(retry);
  const address = String(url);
  if ((url as unknown) instanceof Request) {
    throw new TypeError('a URL is needed, not a Request');
  }
  // Read once: a form gets another boundary each time that it is sent, and a stream can be read only once.
  const first = new Request(address, { method: 'POST', redirect: 'manual', ...rest });
  const body = rest.body == null ? undefined : await first.arrayBuffer();
  const { headers } = first;
  const key = idempotencyKey ?? headers.get('Idempotency-Key') ?? (keyed.has(first.method) && platform.randomUUID());
  if (key) {
    headers.set('Idempotency-Key', key);
  }
  const same: RequestInit = { method: 'POST', redirect: 'manual', ...rest, headers, ...(body && { body }) };

  const last = await attempts<Read | { readonly lost: unknown }>(
    policy,
    platform,
    Infinity,
    signal,
    async (_, timeoutMs, again) => {
      const outcome = await attempt(platform, address, same, read, timeoutMs, signal);
      if ('lost' in outcome) {
        again({ verdict: 'retry' });
      } else if (!outcome.response.ok) {
        again(judge({ ...outcome, problem: readProblem(outcome) }, classify, platform.now()));
      }
      return outcome;
    },
  );
  if ('lost' in last) {
    throw last.lost;
  }
  return last.response;
};

type Read = ReadResponse & { readonly response: Response };

const read = async (response: Response): Promise<Read> => {
  const { status, headers } = response;
  return { response, status, headers, body: new Uint8Array(await response.clone().arrayBuffer()) };
};

// @vitest-environment node
import { MutationObserver, QueryClient } from '@tanstack/react-query';
import axios from 'axios';
import ky from 'ky';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Client, createClient } from './client.ts';
import { idempotentFetch } from './fetch.ts';
import type { Intent } from './intent.ts';
import { createMemoryStorage } from './storage-memory.ts';

/*
 * How the library goes with what applications use anyway.
 */

afterEach(() => vi.restoreAllMocks());

describe('TanStack Query', () => {
  /** A mutation that pays once, however often it is made. */
  const mutationOf = (client: Client) =>
    new MutationObserver(new QueryClient(), {
      mutationFn: async (amount: number) => {
        const outcome = await client.submit({ url: 'https://api.example/payments', body: { amount } });
        const result = outcome.source === 'queued' ? await client.wait(outcome.intent.key) : outcome;
        return result.json<{ id: string }>();
      },
      retry: false, // the client retries, with the same key
      networkMode: 'always', // and knows better whether there is a network
    });

  it('has a mutation that waits for the outbox, and pays once', async () => {
    let answers = [503, 201];
    const keys: string[] = [];
    const client = createClient({
      scope: 's',
      storage: createMemoryStorage(),
      retry: { maxAttempts: 1, maxDelayMs: 1 },
      platform: {
        fetch: async (_, { headers }) => {
          keys.push((headers as Headers).get('Idempotency-Key') ?? '');
          const [status = 201, ...rest] = answers;
          answers = rest;
          return Response.json({ id: 'p-1' }, { status });
        },
      },
    });
    const mutation = mutationOf(client);
    expect(await mutation.mutate(1250)).toEqual({ id: 'p-1' });
    expect(mutation.getCurrentResult().status).toBe('success');
    expect(await mutation.mutate(1250)).toEqual({ id: 'p-1' });
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
    client.close();
  });
});

/** A network whose first answer is lost. */
function flakyNetwork() {
  const requests: Request[] = [];
  const fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    requests.push(request);
    if (requests.length === 1) {
      throw new TypeError('connection reset');
    }
    return Response.json({ id: 'p-1' }, { status: 201 });
  });
  const keys = () => requests.map(({ headers }) => headers.get('Idempotency-Key'));
  return { fetch, keys };
}

/** `idempotentFetch` in the place of `fetch`: it makes the key, and its retries are the only ones. */
const through =
  (fetch: typeof globalThis.fetch) =>
  async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const { method, headers } = request;
    if (method === 'GET' || method === 'HEAD') {
      return fetch(request);
    }
    return idempotentFetch(request.url, {
      method,
      headers,
      body: await request.arrayBuffer(),
      retry: { baseDelayMs: 1 },
      runtime: { fetch },
    });
  };

describe('ky', () => {
  it('pays once by a fetch that is idempotent', async () => {
    const { fetch, keys } = flakyNetwork();
    const api = ky.create({ fetch: through(fetch), retry: 0 });
    expect(await api.post('https://api.example/payments', { json: { amount: 1250 } }).json()).toEqual({ id: 'p-1' });
    expect(keys()).toHaveLength(2);
    expect(new Set(keys()).size).toBe(1);
  });
});

describe('axios', () => {
  it('pays once by a fetch that is idempotent', async () => {
    const { fetch, keys } = flakyNetwork();
    const api = axios.create({ adapter: 'fetch', env: { fetch: through(fetch) } });
    const { data } = await api.post('https://api.example/payments', { amount: 1250 });
    expect(data).toEqual({ id: 'p-1' });
    expect(keys()).toHaveLength(2);
    expect(new Set(keys()).size).toBe(1);
  });
});

describe('Repeatability-First-Sent', () => {
  /** When the intent was first sent, by the server's clock as far as it is known. */
  const firstSent = ({ firstSentAt = Date.now(), skew = 0 }: Intent) => ({
    'Repeatability-First-Sent': new Date(firstSentAt - skew).toUTCString(),
  });

  it('is the same for every attempt, over a reload; a 412 is the last word', async () => {
    let now = Date.UTC(2026, 10, 28, 5, 0, 0);
    vi.spyOn(Date, 'now').mockImplementation(() => now);
    const seen: (string | null)[] = [];
    let answer = () => Promise.reject<Response>(new TypeError('connection reset'));
    const storage = createMemoryStorage();
    const open = () =>
      createClient({
        scope: 's',
        storage,
        headers: firstSent,
        retry: { maxAttempts: 1, maxDelayMs: 1 },
        platform: {
          now: () => now,
          fetch: async (input, init) => {
            seen.push(new Request(input, init).headers.get('Repeatability-First-Sent'));
            return answer();
          },
        },
      });
    const page = open();
    const first = await page.submit({ url: 'https://api.example/payments', body: { amount: 1250 } });
    expect(first.source).toBe('queued');
    page.close();

    now += 3_600_000;
    answer = async () =>
      Response.json(
        { type: 'https://example.com/problems#window-passed', title: 'The request comes too late', status: 412 },
        { status: 412, headers: { 'Content-Type': 'application/problem+json' } },
      );
    const reloaded = open();
    await expect(reloaded.wait(first.intent.key)).rejects.toThrow('The request comes too late');
    reloaded.close();
    expect(seen.length).toBeGreaterThan(1);
    expect(new Set(seen)).toEqual(new Set(['Sat, 28 Nov 2026 05:00:00 GMT']));
  });
});

// @vitest-environment node
import { MutationObserver, QueryClient } from '@tanstack/react-query';
import axios from 'axios';
import ky from 'ky';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Client, createClient } from './client.ts';
import { idempotentFetch } from './fetch.ts';
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

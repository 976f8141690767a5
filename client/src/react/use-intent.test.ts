import { act, cleanup, configure, renderHook, waitFor } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { createClient } from '../index.ts';
import { createMemoryStorage } from '../storage-memory.ts';
import { useIntent } from './use-intent.ts';

// Generous, because a busy machine is no failure.
configure({ asyncUtilTimeout: 60_000 });

afterEach(cleanup);

const request = { url: 'https://api.example/payments', body: { amount: 1250 } };

function clientOf(status: number) {
  const network = { online: true };
  const client = createClient({
    scope: 's-1',
    storage: createMemoryStorage(),
    platform: {
      online: () => network.online,
      reachable: async () => network.online,
      fetch: async () => new Response('{}', { status }),
    },
  });
  return { client, network };
}

it('shows an intent and its outcome', async () => {
  const { client } = clientOf(201);
  const { result } = renderHook(() => useIntent(client));
  expect(result.current).toMatchObject({ state: undefined, outcome: undefined });
  await act(() => result.current.submit(request));
  expect(result.current).toMatchObject({ state: 'succeeded', outcome: { source: 'executed' } });
  await act(() => result.current.submit(request));
  expect(result.current).toMatchObject({ state: 'succeeded', outcome: { source: 'client-cache' } });
  await act(() => result.current.submitAsNew(request));
  expect(result.current).toMatchObject({ state: 'succeeded', outcome: { source: 'executed' } });
});

it('shows how far the intent has come that a submission joins', async () => {
  let answer = (_: Response) => {};
  const client = createClient({
    scope: 's-1',
    storage: createMemoryStorage(),
    platform: {
      fetch: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    },
  });
  const first = renderHook(() => useIntent(client)).result;
  act(() => {
    void first.current.submit(request);
  });
  await waitFor(() => expect(first.current.state).toBe('in-flight'));
  const second = renderHook(() => useIntent(client)).result;
  act(() => {
    void second.current.submit(request);
  });
  await waitFor(() => expect(second.current.state).toBe('in-flight'));
  answer(new Response('{}', { status: 201 }));
  await waitFor(() => expect(second.current).toMatchObject({ state: 'succeeded', outcome: { status: 201 } }));
});

it('shows a failure', async () => {
  const { client } = clientOf(422);
  const { result } = renderHook(() => useIntent(client));
  await act(() => result.current.submit(request));
  expect(result.current).toMatchObject({ state: 'failed', outcome: undefined, error: { problem: { status: 422 } } });
});

it('follows a queued intent until it is delivered', async () => {
  const { client, network } = clientOf(201);
  network.online = false;
  const { result } = renderHook(() => useIntent(client));
  act(() => {
    void result.current.submit(request);
  });
  await waitFor(() => expect(result.current).toMatchObject({ state: 'queued', outcome: { source: 'queued' } }));
  network.online = true;
  await act(() => client.resume());
  await waitFor(() => expect(result.current).toMatchObject({ state: 'succeeded', outcome: { status: 201 } }));
  client.close();
});

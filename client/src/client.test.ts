// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ClientOptions, createClient } from './client.ts';
import { NetworkError, ProblemError, WindowPassedError } from './errors.ts';
import { createMemoryStorage } from './storage-memory.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const hour = 60 * 60 * 1_000;
const request = { url: 'https://api.example/payments', body: { amount: 1250 } };

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });

const problem = (status: number, slug: string, members = {}, headers = {}) =>
  json(
    status,
    { type: `https://api.example/problems#${slug}`, title: slug, ...members },
    { 'Content-Type': 'application/problem+json', ...headers },
  );

type Answer = () => Response | Promise<Response>;

const paid: Answer = () => json(201, { id: 'p-1' });
const lost: Answer = () => Promise.reject(new TypeError('connection reset'));

/** A client whose network gives the answers in turn, the last of them for ever. Half of each jitter is waited. */
function clientOf(answers: Answer[], options: Partial<ClientOptions> = {}) {
  const requests: { at: number; init: RequestInit; url: string }[] = [];
  const client = createClient({
    scope: 's-1',
    storage: createMemoryStorage(),
    ...options,
    platform: {
      random: () => 0.5,
      fetch: async (url, init) => {
        const answer = answers[Math.min(requests.length, answers.length - 1)];
        requests.push({ at: Date.now() - start, init, url });
        return (answer as Answer)();
      },
      ...options.platform,
    },
  });
  return { client, requests, times: () => requests.map(({ at }) => at) };
}

/** Lets the clock run until the promise has settled, and returns how. */
async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const all = Promise.allSettled([promise]);
  await vi.runAllTimersAsync();
  return (await all)[0];
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await settled(promise);
  expect(outcome.status).toBe('rejected');
  return (outcome as PromiseRejectedResult).reason;
}

async function success<T>(promise: Promise<T>): Promise<T> {
  const outcome = await settled(promise);
  if (outcome.status === 'rejected') {
    throw outcome.reason;
  }
  return outcome.value;
}

beforeEach(() => {
  vi.useFakeTimers({ now: start });
});

afterEach(() => {
  expect(vi.getTimerCount(), 'timers left running').toBe(0);
});

describe('a first answer', () => {
  it('says that the handler ran, and when the window ends', async () => {
    const expires = 'Fri, 02 Jan 2026 00:00:00 GMT';
    const { client, requests } = clientOf([
      () => json(201, { id: 'p-1' }, { Date: new Date(start).toUTCString(), 'Idempotency-Expires': expires }),
    ]);
    const intent = await client.prepare(request);
    const result = await success(client.send(intent));

    expect(result).toMatchObject({ source: 'executed', status: 201, attempts: 1, latencyMs: 0 });
    expect(result.expires).toEqual(new Date(expires));
    expect(result.json()).toEqual({ id: 'p-1' });
    expect(result.intent).toEqual({ ...intent, firstSentAt: start, expiresAt: Date.parse(expires), skew: 0 });
    expect(requests[0]?.url).toBe(request.url);
    expect(requests[0]?.init).toMatchObject({ method: 'POST', body: intent.body });
    expect(Object.fromEntries(requests[0]?.init.headers as Headers)).toEqual({
      'content-type': 'application/json',
      'idempotency-key': intent.key,
    });
  });

  it('leaves the intent it was given as it was', async () => {
    const { client } = clientOf([paid]);
    const intent = Object.freeze(await client.prepare(request));
    await success(client.send(intent));
    expect(intent.firstSentAt).toBeUndefined();
  });

  it('measures the latency over waits and attempts', async () => {
    const slow: Answer = () => new Promise((resolve) => setTimeout(() => resolve(json(201, {})), 70));
    const { client } = clientOf([lost, slow], { retry: { baseDelayMs: 100 } });
    const result = await success(client.send(await client.prepare(request)));
    expect(result).toMatchObject({ attempts: 2, latencyMs: 50 + 70 });
  });
});

describe('the same intent again', () => {
  it('has the same key and the same bytes, and is told that the answer is a replay', async () => {
    const { client, requests } = clientOf([paid, () => json(201, { id: 'p-1' }, { 'Idempotent-Replayed': 'true' })]);
    const first = await success(client.send(await client.prepare(request)));
    await vi.advanceTimersByTimeAsync(hour);
    const again = await success(client.send(first.intent));

    expect(again.source).toBe('server-replay');
    expect(again.intent.firstSentAt).toBe(start);
    expect(requests[1]?.init.headers).toEqual(requests[0]?.init.headers);
    expect(requests[1]?.init.body).toBe(requests[0]?.init.body);
  });

  it.each([
    ['the default 24 hours', {}, 24 * hour],
    ['a window of the options', { windowMs: hour }, hour],
  ])('is not sent once %s have passed since the first send', async (_, options, windowMs) => {
    const { client, requests } = clientOf([paid], options);
    const { intent } = await success(client.send(await client.prepare(request)));

    await vi.advanceTimersByTimeAsync(windowMs - 1);
    await success(client.send(intent));
    await vi.advanceTimersByTimeAsync(1);
    const error = await failure(client.send(intent));

    expect(error).toBeInstanceOf(WindowPassedError);
    expect(error).toMatchObject({ attempts: 0, intent });
    expect(requests).toHaveLength(2);
  });

  it('is not sent once the server has said that the window ended', async () => {
    const expires = new Date(start + 60_000).toUTCString();
    const { client, requests } = clientOf([() => json(201, {}, { 'Idempotency-Expires': expires })]);
    const { intent } = await success(client.send(await client.prepare(request)));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await failure(client.send(intent))).toBeInstanceOf(WindowPassedError);
    expect(requests).toHaveLength(1);
  });
});

describe('retries', () => {
  it.each([
    ['no answer', lost],
    ['408', () => problem(408, 'timeout')],
    ['409 in progress', () => problem(409, 'in-progress')],
    ['425', () => problem(425, 'too-early')],
    ['429', () => problem(429, 'too-many')],
    ['500', () => problem(500, 'internal')],
    ['502 of a proxy', () => new Response('<h1>Bad gateway</h1>', { status: 502 })],
    ['503', () => problem(503, 'store-unavailable')],
    ['504', () => new Response(null, { status: 504 })],
    ['a body that breaks off', () => brokenBody()],
  ])('after %s, with the same key and bytes', async (_, answer) => {
    const { client, requests } = clientOf([answer, answer, paid]);
    const result = await success(client.send(await client.prepare(request)));
    expect(result).toMatchObject({ status: 201, attempts: 3 });
    expect(new Set(requests.map(({ init }) => new Headers(init.headers).get('Idempotency-Key')))).toHaveLength(1);
    expect(new Set(requests.map(({ init }) => init.body))).toHaveLength(1);
  });

  it.each([
    ['400', () => problem(400, 'payload-malformed')],
    ['402', () => problem(402, 'payment-required')],
    ['409 outcome unknown', () => problem(409, 'outcome-unknown')],
    ['409 without a problem document', () => new Response('in-progress', { status: 409 })],
    ['410', () => problem(410, 'response-not-kept')],
    ['422', () => problem(422, 'payload-mismatch')],
    ['501', () => problem(501, 'not-implemented')],
    ['a replayed 503', () => problem(503, 'recorded', {}, { 'Idempotent-Replayed': 'true' })],
  ])('never after %s', async (_, answer) => {
    const { client, requests } = clientOf([answer, paid]);
    expect(await failure(client.send(await client.prepare(request)))).toBeInstanceOf(ProblemError);
    expect(requests).toHaveLength(1);
  });

  it('back off exponentially, with full jitter, up to a ceiling', async () => {
    const { client, times } = clientOf([lost], { retry: { maxAttempts: 6, baseDelayMs: 100, maxDelayMs: 400 } });
    await failure(client.send(await client.prepare(request)));
    expect(times()).toEqual([0, 50, 150, 350, 550, 750]);
  });

  it('wait as long as the server asks', async () => {
    const busy: Answer = () => problem(409, 'in-progress', {}, { 'Retry-After': '7' });
    const { client, times } = clientOf([busy, paid], { retry: { baseDelayMs: 100 } });
    await success(client.send(await client.prepare(request)));
    expect(times()).toEqual([0, 7_050]);
  });

  it('end at once where the server asks for more time than there is', async () => {
    const busy: Answer = () => problem(503, 'store-unavailable', {}, { 'Retry-After': '60' });
    const { client, requests } = clientOf([busy], { retry: { totalTimeoutMs: 30_000 } });
    const error = await failure(client.send(await client.prepare(request)));
    expect(error).toMatchObject({ attempts: 1, problem: { status: 503 } });
    expect(requests).toHaveLength(1);
  });

  it('end after the last attempt, with its failure', async () => {
    const cause = new TypeError('connection reset');
    const { client, requests } = clientOf([() => Promise.reject(cause)], { retry: { maxAttempts: 3 } });
    const error = await failure(client.send(await client.prepare(request)));
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ attempts: 3, cause, intent: { firstSentAt: start } });
    expect(requests).toHaveLength(3);
  });

  it('never reach beyond the window', async () => {
    const { client, times } = clientOf([lost], { windowMs: 120, retry: { maxAttempts: 9, baseDelayMs: 100 } });
    await failure(client.send(await client.prepare(request)));
    expect(times()).toEqual([0, 50]);
  });

  it('give up on an attempt that hangs, and on all of them in the end', async () => {
    const retry = { maxAttempts: 9, baseDelayMs: 100, attemptTimeoutMs: 1_000, totalTimeoutMs: 2_500 };
    const { client, requests } = hangingClient({ retry });
    const error = await failure(client.send(await client.prepare(request)));
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ attempts: 3, latencyMs: 2_500, cause: { name: 'TimeoutError' } });
    expect(requests).toEqual([0, 1_050, 2_150]);
  });
});

describe('an abort', () => {
  it('ends the attempt in flight, even the last, with the reason given', async () => {
    const { client, requests } = hangingClient({ retry: { maxAttempts: 1 } });
    const controller = new AbortController();
    const sending = client.send(await client.prepare(request), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('changed my mind')), 500);
    expect(await failure(sending)).toEqual(new Error('changed my mind'));
    expect(requests).toHaveLength(1);
  });

  it('ends the wait between attempts', async () => {
    const { client, requests } = clientOf([lost], { retry: { baseDelayMs: 1_000 } });
    const controller = new AbortController();
    const sending = client.send(await client.prepare(request), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('changed my mind')), 100);
    expect(await failure(sending)).toEqual(new Error('changed my mind'));
    expect(requests).toHaveLength(1);
  });

  it('before the start sends nothing', async () => {
    const { client, requests } = clientOf([paid]);
    const intent = await client.prepare(request);
    await failure(client.send(intent, { signal: AbortSignal.abort() }));
    expect(requests).toHaveLength(0);
  });
});

describe('an error answer', () => {
  it('carries the problem, its source and the intent', async () => {
    const errors = [{ field: 'amount', detail: 'must be positive' }];
    const { client } = clientOf([() => problem(422, 'validation-failed', { detail: 'Not valid.', errors })]);
    const error = await failure(client.send(await client.prepare(request)));
    expect(error).toMatchObject({
      name: 'ProblemError',
      message: 'Not valid.',
      problem: { status: 422, errors },
      source: 'executed',
      attempts: 1,
      intent: { firstSentAt: start },
    });
  });
});

describe('options', () => {
  it('give headers to each attempt anew, but never another key', async () => {
    let token = 0;
    const { client, requests } = clientOf([lost, paid], {
      headers: () => {
        token += 1;
        return { Authorization: `Bearer ${token}`, 'Idempotency-Key': 'forged' };
      },
    });
    const intent = await client.prepare(request);
    await success(client.send(intent));
    const sent = requests.map(({ init }) => new Headers(init.headers));
    expect(sent.map((headers) => headers.get('Authorization'))).toEqual(['Bearer 1', 'Bearer 2']);
    expect(sent.map((headers) => headers.get('Idempotency-Key'))).toEqual([intent.key, intent.key]);
  });

  it('bind intents to their scope', async () => {
    const { client: other } = clientOf([paid], { scope: 's-2' });
    const { client, requests } = clientOf([paid]);
    expect(await failure(client.send(await other.prepare(request)))).toBeInstanceOf(TypeError);
    expect(requests).toHaveLength(0);
  });

  it.each([{ windowMs: 0 }, { windowMs: Number.NaN }])('refuse %o', (options) => {
    expect(() => createClient({ scope: 's-1', storage: createMemoryStorage(), ...options })).toThrow(RangeError);
  });
});

function hangingClient(options: Partial<ClientOptions> = {}) {
  const requests: number[] = [];
  const hang = (_: string, { signal }: RequestInit) => {
    requests.push(Date.now() - start);
    return new Promise<Response>((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  };
  const { client } = clientOf([], { ...options, platform: { fetch: hang } });
  return { client, requests };
}

function brokenBody(): Response {
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode('{"id":'));
      controller.error(new TypeError('connection reset'));
    },
  });
  return new Response(body, { status: 201 });
}

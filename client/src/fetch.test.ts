// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { type IdempotentInit, idempotentFetch } from './fetch.ts';

type Answer = () => Response | Promise<Response>;

const lost: Answer = () => Promise.reject(new TypeError('connection reset'));
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  () =>
    new Response(code === 204 ? null : '{"id":"p-1"}', { status: code, headers });

/** A network that gives the answers in turn, the last of them for ever, and a time that passes at once. */
function network(...answers: Answer[]) {
  const requests: Request[] = [];
  const waits: number[] = [];
  let uptime = 0;
  const runtime = {
    random: () => 0,
    uptime: () => uptime,
    now: () => Date.parse('2026-01-01T00:00:00Z'),
    fetch: async (url: string, init: RequestInit) => {
      requests.push(new Request(url, init));
      return (answers[Math.min(requests.length, answers.length) - 1] as Answer)();
    },
    sleep: async (ms: number, signal?: AbortSignal) => {
      if (ms === 15_000) {
        return new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      }
      uptime += ms;
      waits.push(ms);
      signal?.throwIfAborted();
    },
  };
  const pay = (init: IdempotentInit = {}) =>
    idempotentFetch('https://api.example/payments', { body: '{"amount":1250}', runtime, ...init });
  return { pay, requests, waits };
}

const keyOf = ({ headers }: Request) => headers.get('Idempotency-Key');

describe('idempotentFetch', () => {
  it('posts the same key and the same bytes until a response is final', async () => {
    const { pay, requests } = network(lost, status(503), status(409, { 'Retry-After': '1' }), status(201));
    const response = await pay();
    expect([response.status, await response.json()]).toEqual([201, { id: 'p-1' }]);
    expect(requests.map(({ method }) => method)).toEqual(Array(4).fill('POST'));
    expect(new Set(requests.map(keyOf)).size).toBe(1);
    expect(keyOf(requests[0] as Request)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const bodies = await Promise.all(requests.map((request) => request.text()));
    expect(bodies).toEqual(Array(4).fill('{"amount":1250}'));
  });

  it.each([200, 204, 400, 401, 402, 404, 409, 410, 422, 501, 505])('returns a %i as it is', async (code) => {
    const { pay, requests } = network(status(code));
    expect((await pay()).status).toBe(code);
    expect(requests).toHaveLength(1);
  });

  it.each([408, 425, 429, 500, 502, 503, 504, 507, 520, 524])('sends the same again after a %i', async (code) => {
    const { pay, requests } = network(status(code), status(201));
    expect((await pay()).status).toBe(201);
    expect(new Set(requests.map(keyOf)).size).toBe(1);
  });

  it('returns a recorded error, and the last one when it gives up', async () => {
    const recorded = network(status(503, { 'Idempotent-Replayed': 'true' }));
    expect((await recorded.pay()).status).toBe(503);
    expect(recorded.requests).toHaveLength(1);
    const failing = network(status(503));
    const last = await failing.pay({ retry: { maxAttempts: 3 } });
    expect([last.status, await last.json()]).toEqual([503, { id: 'p-1' }]);
    expect(failing.requests).toHaveLength(3);
  });

  it('waits as long as the server asks, in seconds or until a date of its own clock', async () => {
    const { pay, waits } = network(
      status(503, { 'Retry-After': '7' }),
      status(503, { 'Retry-After': 'Fri, 02 Jan 2026 00:00:09 GMT', Date: 'Fri, 02 Jan 2026 00:00:00 GMT' }),
      status(201),
    );
    await pay();
    expect(waits).toEqual([7_000, 9_000]);
  });

  it('throws what the last attempt threw if no response came', async () => {
    const { pay, requests } = network(lost);
    await expect(pay()).rejects.toThrow('connection reset');
    expect(requests).toHaveLength(5);
  });

  it('takes a key, from the option or among the headers', async () => {
    const { pay, requests } = network(status(201));
    await pay({ idempotencyKey: 'invoice-1' });
    await pay({ headers: { 'idempotency-key': 'invoice-2' } });
    expect(requests.map(keyOf)).toEqual(['invoice-1', 'invoice-2']);
  });

  it.each(['GET', 'PUT', 'DELETE'])('repeats a %s without a key, because HTTP says that it may be', async (method) => {
    const { pay, requests } = network(lost, status(200));
    await pay({ method, body: null });
    expect(requests.map((request) => [request.method, keyOf(request)])).toEqual(Array(2).fill([method, null]));
  });

  it('lets the caller decide about other APIs’ words', async () => {
    const { pay, requests } = network(status(400), status(201));
    const classify: IdempotentInit['classify'] = ({ status: code, body }) =>
      code === 400 && new TextDecoder().decode(body).includes('p-1') ? 'retry' : undefined;
    expect((await pay({ classify })).status).toBe(201);
    expect(requests).toHaveLength(2);
  });

  it('ends with the signal’s reason, before and between attempts', async () => {
    const { pay, requests } = network(lost);
    await expect(pay({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    expect(requests).toHaveLength(0);
    const controller = new AbortController();
    const aborting = network(() => {
      controller.abort(new Error('enough'));
      return lost();
    });
    await expect(aborting.pay({ signal: controller.signal })).rejects.toThrow('enough');
    expect(aborting.requests).toHaveLength(1);
  });

  it('tells a mistake at once', async () => {
    const { pay, requests } = network(status(201));
    await expect(pay({ method: 'GET' })).rejects.toThrow(TypeError);
    await expect(pay({ headers: { Authorization: 'Bearer €' } })).rejects.toThrow(TypeError);
    await expect(pay({ retry: { maxAttempts: 0 } })).rejects.toThrow(RangeError);
    expect(requests).toHaveLength(0);
  });
});

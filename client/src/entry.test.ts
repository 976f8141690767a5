// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { decodeEntry, type Entry, encodeEntry } from './entry.ts';
import type { ClientEvent } from './events.ts';
import { createMemoryStorage } from './storage-memory.ts';

const intent = {
  key: 'k',
  fingerprint: 'h',
  scope: 's-1',
  named: false,
  method: 'POST',
  url: 'https://api.example/payments',
  body: new TextEncoder().encode('{"name":"Zoë"}'),
  firstSentAt: 1,
  expiresAt: 2,
};
const response = {
  status: 201,
  headers: new Headers({ etag: '"1"' }),
  body: new TextEncoder().encode('{}'),
  source: 'executed',
  complete: true,
};
const entry = { intent, state: 'succeeded', createdAt: 1, updatedAt: 2, attempts: 4, response } as Entry;

describe('an entry', () => {
  it.each([
    ['text', new TextEncoder().encode('\ufeff{"€":"\u{1f600}"}')],
    ['no UTF-8', Uint8Array.of(0, 255, 254, 128, 10)],
    ['nothing', new Uint8Array()],
  ])('survives being written down, with a body that is %s', (_, body) => {
    const written = { ...entry, response: { ...entry.response, body } } as Entry;
    expect(decodeEntry(encodeEntry(written), intent, 's-1')).toEqual(written);
  });

  it('does not say whose it is', () => {
    expect(encodeEntry(entry)).not.toContain('s-1');
  });

  const text = encodeEntry(entry);
  it.each([
    ['no JSON', text.slice(0, -1)],
    ['no object', 'null'],
    ['an older version', text.replace('"v":2', '"v":0')],
    ['another state', text.replace('"succeeded"', '"done"')],
    ['a response too many', text.replace('"succeeded"', '"queued"')],
    ['a member of the wrong type', text.replace('"attempts":4', '"attempts":"4"')],
    ['no body', text.replaceAll('"body"', '"bady"')],
    ['no response', text.replace('"response"', '"respose"')],
  ])('that is broken is refused: %s', (_, broken) => {
    expect(decodeEntry(broken, intent, 's-1')).toEqual({ newer: false });
  });
});

describe('limits', () => {
  const clientWith = (limits: { entries?: number; bytes?: number }) => {
    let online = true;
    let answer = '{}';
    let requests = 0;
    const events: ClientEvent[] = [];
    let now = 1_000;
    const client = createClient({
      scope: 's-1',
      storage: createMemoryStorage(),
      limits,
      platform: {
        now: () => {
          now += 1;
          return now;
        },
        online: () => online,
        reachable: async () => online,
        fetch: async () => {
          requests += 1;
          return new Response(answer, { status: 201 });
        },
      },
    });
    const submit = (what: number) => client.submit({ url: 'https://api.example/', body: { what } });
    client.subscribe((event) => events.push(event));
    const kept = async () => (await client.entries()).map((one) => one.response?.complete);
    const setOnline = (value: boolean) => {
      online = value;
    };
    const answerWith = (text: string) => {
      answer = text;
    };
    return { client, submit, kept, setOnline, events, answerWith, requests: () => requests };
  };

  it('evict the oldest responses, and remember that it is done', async () => {
    const { submit, kept, events, requests } = clientWith({ entries: 2 });
    await submit(1);
    await submit(2);
    await submit(3);
    expect(await kept()).toEqual([false, true, true]);
    expect(events.filter(({ type }) => type === 'evicted')).toHaveLength(1);
    expect(await submit(1)).toMatchObject({ source: 'client-cache', status: 201, complete: false });
    expect(requests()).toBe(3);
  });

  it('of 200 responses do not make the 201st intent pay again for the first', async () => {
    const { submit, requests } = clientWith({});
    for (let what = 1; what <= 202; what++) {
      await submit(what);
    }
    for (let what = 1; what <= 202; what++) {
      expect(await submit(what)).toMatchObject({ source: 'client-cache' });
    }
    expect(requests()).toBe(202);
  });

  it('count bytes as well', async () => {
    const { submit, kept } = clientWith({ bytes: 1_600 });
    for (const what of [1, 2, 3, 4]) {
      await submit(what);
    }
    expect(await kept()).toEqual([false, false, true, true]);
  });

  it('leave a response out that is larger than all of them, and evict none for it', async () => {
    const { submit, kept, requests, answerWith } = clientWith({ bytes: 4_000 });
    await submit(1);
    await submit(2);
    answerWith('x'.repeat(4_001));
    const large = await submit(3);
    expect(large).toMatchObject({ source: 'executed', complete: true });
    expect(await kept()).toEqual([true, true, false]);
    expect(await submit(3)).toMatchObject({ source: 'client-cache', status: 201, complete: false });
    expect(requests()).toBe(3);
  });

  it('never evict what is unfinished', async () => {
    const { client, submit, setOnline } = clientWith({ entries: 1 });
    setOnline(false);
    await submit(1);
    await submit(2);
    expect(await client.usage()).toMatchObject({ entries: 2, unfinished: 2 });
    setOnline(true);
    await client.resume();
    expect((await client.entries()).map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
    client.close();
  });

  it.each([{ entries: 0 }, { bytes: Number.NaN }])('refuse %o', (limits) => {
    expect(() => createClient({ scope: 's', storage: createMemoryStorage(), limits })).toThrow(RangeError);
  });
});

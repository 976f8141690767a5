import { describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { decodeEntry, type Entry, encodeEntry, entryId, FormatError, formatVersion } from './entry.ts';
import type { ClientEvent } from './events.ts';
import { sha256 } from './intent.ts';
import { createMemoryStorage } from './storage-memory.ts';

const intent = {
  key: 'k',
  fingerprint: 'h',
  scope: 's-1',
  method: 'POST',
  url: 'https://api.example/payments',
  body: new TextEncoder().encode('{"name":"Zoë"}'),
  firstSentAt: 1,
  expiresAt: 2,
};
const answer = { status: 201, headers: { etag: '"1"' }, body: new TextEncoder().encode('{}'), source: 'executed' };
const entry = { intent, state: 'succeeded', createdAt: 1, updatedAt: 2, usedAt: 3, attempts: 4, answer } as Entry;

describe('an entry', () => {
  it.each([
    ['text', new TextEncoder().encode('\ufeff{"€":"\u{1f600}"}')],
    ['no UTF-8', Uint8Array.of(0, 255, 254, 128, 10)],
    ['nothing', new Uint8Array()],
  ])('survives being written down, with a body that is %s', (_, body) => {
    const written = { ...entry, answer: { ...entry.answer, body } } as Entry;
    expect(decodeEntry(encodeEntry(written), entryId(intent), 's-1')).toEqual(written);
  });

  it('does not say whose it is', () => {
    expect(encodeEntry(entry)).not.toContain('s-1');
  });

  const text = encodeEntry(entry);
  it.each([
    ['no JSON', text.slice(0, -1)],
    ['no object', 'null'],
    ['an older version', text.replace('"v":1', '"v":0')],
    ['another state', text.replace('"succeeded"', '"done"')],
    ['no answer', text.replace('"succeeded"', '"queued"')],
    ['a member of the wrong type', text.replace('"attempts":4', '"attempts":"4"')],
    ['no body', text.replaceAll('utf8', 'utf9')],
    ['another name', text.replace('"key":"k"', '"key":"x"')],
  ])('that is broken is refused: %s', (_, broken) => {
    expect(() => decodeEntry(broken, entryId(intent), 's-1')).toThrow(FormatError);
  });
});

describe('what cannot be read', () => {
  const storage = createMemoryStorage();
  const newer = `{"v":${formatVersion + 1}}`;

  it('is dropped and reported, unless a newer version wrote it', async () => {
    const folder = await sha256('s-1');
    await storage.write(folder, 'a.1', 'nonsense');
    await storage.write(folder, 'b.1', newer);
    const client = createClient({ scope: 's-1', storage });
    const events: ClientEvent[] = [];
    client.subscribe((event) => events.push(event));
    expect(await client.entries()).toEqual([]);
    client.close();
    expect(events.sort((a, b) => idOf(a).localeCompare(idOf(b)))).toMatchObject([
      { type: 'corrupt', id: 'a.1', reason: 'it is no JSON', dropped: true },
      { type: 'corrupt', id: 'b.1', dropped: false },
    ]);
    expect(await storage.list(folder)).toMatchObject([{ id: 'b.1' }]);
  });
});

describe('limits', () => {
  const clientWith = (limits: { entries?: number; bytes?: number }) => {
    let online = true;
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
        fetch: async () => new Response('{}', { status: 201 }),
      },
    });
    const submit = (what: number) => client.submit({ url: 'https://api.example/', body: { what } });
    const kept = async () => (await client.entries()).map((one) => new TextDecoder().decode(one.intent.body));
    const setOnline = (value: boolean) => {
      online = value;
    };
    return { client, submit, kept, setOnline };
  };

  it('evict the least recently used', async () => {
    const { client, submit, kept } = clientWith({ entries: 2 });
    await submit(1);
    await submit(2);
    await submit(1); // used again
    await expect.poll(async () => (await client.entries())[0]?.usedAt).toBeGreaterThan(1_010);
    await submit(3);
    expect(await kept()).toEqual(['{"what":1}', '{"what":3}']);
  });

  it('count bytes as well', async () => {
    const { client, submit, kept } = clientWith({ bytes: 900 });
    for (const what of [1, 2, 3]) {
      await submit(what);
    }
    expect((await client.usage()).bytes).toBeLessThanOrEqual(900);
    expect((await kept()).at(-1)).toBe('{"what":3}');
  });

  it('never evict what is unfinished', async () => {
    const { submit, kept, setOnline } = clientWith({ entries: 1 });
    setOnline(false);
    await submit(1);
    await submit(2);
    setOnline(true);
    await submit(3);
    await submit(4);
    expect(await kept()).toEqual(['{"what":1}', '{"what":2}', '{"what":4}']);
  });

  it.each([{ entries: 0 }, { bytes: Number.NaN }])('refuse %o', (limits) => {
    expect(() => createClient({ scope: 's', limits })).toThrow(RangeError);
  });
});

const idOf = (event: ClientEvent) => (event.type === 'corrupt' ? event.id : '');

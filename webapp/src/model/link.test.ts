import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { run as anyRun } from './arbitrary.ts';
import type { Run } from './facts.ts';
import { decode, encode } from './link.ts';

/** Compressed as a link is, whatever it says. */
async function compress(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
const pack = (value: unknown) => compress(JSON.stringify(value));
const lane = (facts: readonly unknown[] = []) => [1, 1, 1, -1, 0, facts];
const runOf = (facts: readonly unknown[]) => [2, 'burst', 20, 1, [lane(facts), lane()]];

it('what was encoded is what is decoded, but for the words of the API', async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async (run) => {
      expect(await decode(await encode(run))).toEqual(run);
    }),
  );
});

it('carries nothing that is not a fact: no title, no whole key', async () => {
  const run: Run = {
    v: 1,
    scenario: 'mismatch',
    count: 20,
    at: 60_000,
    lanes: [
      {
        keyed: true,
        ended: false,
        facts: [{ t: 0, kind: 'refused', from: 'server', req: 1, status: 422, title: 'Ada’s words' }],
      },
      { keyed: true, ended: false, facts: [] },
    ],
  };
  const back = await decode(await encode(run));
  expect(back?.lanes[0].facts[0]).toEqual({ t: 0, kind: 'refused', from: 'server', req: 1, status: 422 });
});

it('takes what the refused would be without their mistake', async () => {
  expect(
    await decode(await pack(runOf([[0, 8, 0, 1, 16, { roundTrips: 1, readUnits: 0.5, writeUnits: 0 }]]))),
  ).toBeDefined();
});

describe('refuses', () => {
  it.each([
    ['nothing', Promise.resolve('')],
    ['other characters', Promise.resolve('a.b<script>')],
    ['no compressed text', Promise.resolve('AAAA')],
    ['more than a link holds', Promise.resolve('a'.repeat(8_193))],
    ['no list', pack({})],
    ['another version', pack([1, 'burst', 20, 1, [lane(), lane()]])],
    ['an unknown scenario', pack([2, 'constructor', 20, 1, [lane(), lane()]])],
    ['three lanes', pack([2, 'burst', 20, 1, [lane(), lane(), lane()]])],
    ['too many copies', pack([2, 'burst', 201, 1, [lane(), lane()]])],
    ['an unknown kind', pack(runOf([[0, 99, 0, 1]]))],
    ['a negative time', pack(runOf([[-1, 3, 0, 1]]))],
    ['text for a number', pack(runOf([['0', 3, 0, 1]]))],
    ['an unknown member', pack(runOf([[0, 3, 0, 1, 99, 'x']]))],
    ['a key that is markup', pack(runOf([[0, 8, 0, 1, 1, '<b>']]))],
    ['a member of another type', pack(runOf([[0, 8, 0, 1, 2, '1250']]))],
    [
      'a cost that is less than nothing',
      pack(runOf([[0, 8, 0, 1, 16, { roundTrips: 1, readUnits: -1, writeUnits: 0 }]])),
    ],
    ['a member without value', pack(runOf([[0, 8, 0, 1, 2]]))],
    ['too many facts', pack(runOf(Array.from({ length: 601 }, () => [0, 3, 0, 1])))],
    ['what unpacks to too much', compress(`[2,"burst",20,1,[${' '.repeat(200_000)}]]`)],
  ])('%s', async (_, text) => {
    expect(await decode(await text)).toBeUndefined();
  });

  it('anything else, without throwing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        expect(await decode(await pack(value))).toBeUndefined();
      }),
    );
  });
});

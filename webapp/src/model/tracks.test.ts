import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lane } from './arbitrary.ts';
import type { Fact } from './facts.ts';
import { type Geometry, keyframes, type Track, tracks } from './tracks.ts';
import { type Shown, warp } from './warp.ts';

const geometry: Geometry = {
  down: false,
  d: 24,
  middle: 66,
  breadth: 90,
  along: { out: 230, api: 330, back: 420, door: 500, gate: 510, record: 600, handler: 760, till: 900 },
  slots: new Map([1, 2, 3, 4, 5, 6, 7].map((req) => [req, { x: 20 + req * 30, y: 90 }])),
  towers: { x0: 910, y0: 60, x1: 1_060, y1: 130 },
};

/** How a request is shown once everything has been: what its animations hold at their ends. */
function endOf(all: readonly Track[], req: number, total: number) {
  const last = ({ frames }: Track) => keyframes(frames, total).at(-1);
  const own = all.filter((track) => track.req === req);
  return {
    place: last(own.find(({ what }) => what === 'dot') as Track)?.transform,
    faces: own.filter((track) => track.what === 'face' && last(track)?.opacity === 1).map(({ face }) => face),
  };
}

it('a request whose answer was lost comes home, however soon the browser is told', () => {
  const facts: readonly Fact[] = [
    { t: 0, kind: 'sent', from: 'client', req: 1, key: '8f3c' },
    { t: 1, kind: 'claimed', from: 'server', req: 1 },
    { t: 2, kind: 'lost', from: 'server', req: 1 },
    { t: 2, kind: 'answered', from: 'client', req: 1, status: 500, source: 'no-answer' },
  ];
  for (const apart of [1, 50, 190, 419, 640]) {
    const shown: readonly Shown[] = facts.map((fact, i) => ({ fact, lane: 0, s: 400 + i * apart }));
    const all = tracks({ facts: shown, requests: [1], keyed: true, geometry, still: false });
    expect(endOf(all, 1, 4_000), `${apart} ms apart`).toEqual({
      place: 'translate(38.0px, 78.0px)',
      faces: ['no-answer'],
    });
  }
});

it('a request ends as its last fact says, whatever came before, and its frames are in order', () => {
  fc.assert(
    fc.property(lane, fc.boolean(), ({ facts, keyed }, still) => {
      const told = facts.map((fact, i): Fact => ({ ...fact, req: (i % 5) + 1, dies: [] }));
      const last = told.at(-1)?.t ?? 0;
      const answers = [1, 2, 3, 4, 5].map(
        (req): Fact => ({ t: last + req, kind: 'answered', from: 'client', req, status: 201, source: 'server-replay' }),
      );
      const laid = warp({ lanes: [{ keyed, facts: [...told, ...answers], ended: true }] as never });
      const all = tracks({ facts: laid.lanes[0] ?? [], requests: [1, 2, 3, 4, 5], keyed, geometry, still });
      for (const req of [1, 2, 3, 4, 5]) {
        const { place, faces } = endOf(all, req, laid.last + 700);
        expect(place).toBe(`translate(${(8 + req * 30).toFixed(1)}px, 78.0px)`);
        expect(faces).toEqual(['server-replay']);
      }
      for (const { frames } of all.filter(({ what }) => what === 'dot' || what === 'face')) {
        const moments = frames.map(({ s }) => s);
        expect(moments).toEqual([...moments].sort((a, b) => a - b));
      }
    }),
  );
});

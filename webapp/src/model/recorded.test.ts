import { describe, expect, it } from 'vitest';
import { inOrder, type Run } from './facts.ts';
import { doubtOf, judge, verdict } from './judge.ts';
import { decode, encode } from './link.ts';
import { momentAt, timed } from './moment.ts';
import recorded from './recorded.json' with { type: 'json' };
import { scenarioAfter, scenarioOf, scenarios } from './scenarios.ts';
import { tell } from './tell.ts';
import { recordAt, tally } from './totals.ts';
import { type Geometry, keyframes, tracks } from './tracks.ts';
import { clockAt, warp } from './warp.ts';
import { plain } from './words.ts';

/* Runs that were recorded against the local stack, one of each scenario. */

const runs = new Map<string, Run>();
for (const text of Object.values(recorded)) {
  const run = await decode(text);
  if (run !== undefined) {
    runs.set(run.scenario, run);
  }
}

/** What the two lanes of each scenario come to: effects, money, judgement. */
const table: Readonly<Record<string, readonly [readonly [number, number, string], readonly [number, number, string]]>> =
  {
    burst: [
      [20, 25_000, 'bad'],
      [1, 1_250, 'good'],
    ],
    'double-click': [
      [2, 2_500, 'bad'],
      [1, 1_250, 'good'],
    ],
    'lost-response': [
      [2, 2_500, 'bad'],
      [1, 1_250, 'good'],
    ],
    crash: [
      [2, 2_500, 'bad'],
      [1, 1_250, 'good'],
    ],
    slow: [
      [2, 2_500, 'bad'],
      [1, 1_250, 'good'],
    ],
    offline: [
      [0, 0, 'bad'],
      [1, 1_250, 'good'],
    ],
    'two-tabs': [
      [2, 2_500, 'bad'],
      [1, 1_250, 'good'],
    ],
    'window-passed': [
      [2, 0, 'bad'],
      [1, 0, 'good'],
    ],
    mismatch: [
      [2, 101_150, 'bad'],
      [1, 1_250, 'good'],
    ],
    steps: [
      [2, 2_500, 'bad'],
      [1, 1_250, 'good'],
    ],
  };

it('there is a recording of every scenario', () => {
  expect([...runs.keys()].sort()).toEqual(scenarios.map(({ id }) => id).sort());
});

describe.each(scenarios.map((scenario) => [scenario.id, scenario] as const))('%s', (id, scenario) => {
  const run = runs.get(id);
  if (run === undefined) {
    throw new Error(`no recording of ${id}`);
  }
  const laid = warp(run);
  const script = (i: 0 | 1) => {
    const about = { scenario, protectedLane: i === 1, expected: scenario.countable ? run.count : 1 };
    const shown = laid.lanes[i] ?? [];
    return { lane: run.lanes[i], shown, ...about, story: timed(tell(run.lanes[i], about), shown) };
  };

  it('comes to what it is for', () => {
    const came = run.lanes.map((lane, i) => {
      const { effects, sums } = tally(lane.facts);
      return [effects, sums.reduce((sum, { amount }) => sum + amount, 0), judge(lane, i === 1).tone];
    });
    expect(came).toEqual(table[id]);
    expect(run.lanes.map(doubtOf)).toEqual([undefined, undefined]);
  });

  it('adds up to the API’s report', () => {
    for (const { facts, report } of run.lanes) {
      const { effects, runs: executions } = tally(facts);
      expect(report).toMatchObject({ kind: 'read', effects, executions, agrees: true });
    }
  });

  it('tells its numbers at the end', () => {
    for (const i of [0, 1] as const) {
      const { sent, effects, runs: executions } = tally(run.lanes[i].facts);
      const end = plain(script(i).story.at(-1)?.beat.say(0) ?? []);
      if (sent > 0) {
        expect(end).toContain(`${sent} request`);
        expect(end).toContain(`${executions} execution`);
        expect(end).toContain(`${effects} ${scenario.effect === 'order' ? 'order' : 'charge'}`);
      } else {
        expect(end).toContain('never happened');
      }
    }
  });

  it('survives being a link', async () => {
    const link = await encode(run);
    expect(link.length).toBeLessThan(2_500);
    expect(await decode(link)).toEqual(run);
  });

  it('ends on the screen as it ended', () => {
    for (const i of [0, 1] as const) {
      const end = Number.MAX_SAFE_INTEGER;
      const moment = momentAt(script(i), end, clockAt(laid, end));
      expect(moment.done).toBe(table[id]?.[i][2]);
      expect(moment.handlerBusy).toBe(false);
      expect(plain(moment.caption)).toBe(plain(script(i).story.at(-1)?.beat.say(0) ?? []));
      expect(momentAt(script(i), 0, 0).total.effects).toBe(0);
    }
  });

  it('moves every request that was sent, and drops a coin for every effect', () => {
    for (const i of [0, 1] as const) {
      const { lane, shown } = script(i);
      const requests = [...new Set(lane.facts.flatMap(({ req }) => req ?? []))];
      const all = tracks({ facts: shown, requests, keyed: lane.keyed, geometry, still: false });
      expect(all.filter(({ what }) => what === 'dot')).toHaveLength(requests.length);
      expect(all.filter(({ what }) => what === 'coin')).toHaveLength(tally(lane.facts).effects);
      expect(all.filter(({ what, extra }) => what === 'coin' && extra)).toHaveLength(
        Math.max(0, tally(lane.facts).effects - 1),
      );
      for (const track of all) {
        const frames = keyframes(track.frames, laid.last + 700);
        const offsets = frames.map(({ offset }) => offset ?? -1);
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
        expect([offsets[0], offsets.at(-1)]).toEqual([0, 1]);
        for (const frame of frames) {
          expect(
            Object.keys(frame).filter((name) => !['offset', 'easing', 'transform', 'opacity'].includes(name)),
          ).toEqual([]);
        }
      }
    }
  });
});

const geometry: Geometry = {
  down: false,
  d: 24,
  middle: 66,
  breadth: 90,
  along: { out: 230, api: 330, back: 420, door: 500, gate: 510, record: 600, handler: 760, till: 900 },
  slots: new Map([1, 2, 3, 4, 5].map((req) => [req, { x: 20 + req * 30, y: 90 }])),
  towers: { x0: 910, y0: 60, x1: 1_060, y1: 130 },
};

it('a lane without facts draws nothing but what is about to be sent', () => {
  const all = tracks({ facts: [], requests: [1], keyed: true, geometry, still: false });
  expect(all.map(({ what }) => what)).toEqual(['dot', 'face']);
});

it('without motion nothing travels: requests change place by a step', () => {
  const run = runs.get('burst');
  const laid = warp({ lanes: run?.lanes ?? [] } as never);
  const requests = Array.from({ length: 20 }, (_, i) => i + 1);
  const all = tracks({ facts: laid.lanes[0] ?? [], requests, keyed: false, geometry, still: true });
  for (const { frames } of all) {
    for (const { easing } of frames) {
      expect(easing).toBe('steps(1, end)');
    }
  }
});

it('a charge that is on record is not made again, and its receipt is sent once', () => {
  const [bad, good] = runs.get('steps')?.lanes ?? [];
  expect([tally(bad?.facts ?? []).receipts, tally(good?.facts ?? []).receipts]).toEqual([1, 1]);
  const kinds = good?.facts.map(({ kind }) => kind) ?? [];
  expect(kinds.slice(kinds.indexOf('taken')).filter((kind) => kind !== 'answered')).toEqual([
    'taken',
    'working',
    'recalled',
    'mailed',
    'completed',
  ]);
});

it('a payment whose receipt is missing, or was sent twice, did not go as it was meant', () => {
  const good = runs.get('steps')?.lanes[1];
  if (good === undefined) {
    throw new Error('no recording of steps');
  }
  const receipt = good.facts.find(({ kind }) => kind === 'mailed');
  const without = { ...good, facts: good.facts.filter(({ kind }) => kind !== 'mailed') };
  const twice = { ...good, facts: inOrder([...good.facts, receipt ?? fail()]) };
  expect([good, without, twice].map((lane) => judge(lane, true).text)).toEqual([
    'as meant',
    'no receipt',
    'a receipt too many',
  ]);
});

function fail(): never {
  throw new Error('no receipt was sent');
}

describe('the record', () => {
  const facts = runs.get('crash')?.lanes[1].facts ?? [];
  const at = (kind: string) => facts.findIndex((fact) => fact.kind === kind) + 1;

  it('is free, leased, abandoned, taken over, completed', () => {
    expect(recordAt([], 0).status).toBe('free');
    expect(recordAt(facts.slice(0, at('claimed')), 0)).toMatchObject({ status: 'in-progress', owner: 1 });
    expect(recordAt(facts.slice(0, at('crashed')), 0)).toMatchObject({ status: 'in-progress', dead: true });
    expect(recordAt(facts.slice(0, at('taken')), 0)).toMatchObject({ status: 'in-progress' });
    expect(recordAt(facts, 0)).toMatchObject({ status: 'completed' });
  });

  it('has a lease that runs out', () => {
    const claimed = facts.find(({ kind, leaseMs }) => kind === 'claimed' && leaseMs !== undefined);
    expect(claimed?.leaseMs).toBeGreaterThan(10_000);
    const until = facts.slice(0, at('claimed'));
    const left = (t: number) => recordAt(until, t).leaseLeft ?? Number.NaN;
    expect(left((claimed?.t ?? 0) + 1_000)).toBeCloseTo((claimed?.leaseMs ?? 0) - 1_000, 5);
    expect(left(60_000)).toBe(0);
  });
});

it('what does not know its scenario has the first', () => {
  expect(scenarioOf('nothing')).toBe(scenarios[0]);
  expect(scenarioAfter(scenarios.at(-1) ?? scenarios[0])).toBe(scenarios[0]);
});

it('a verdict is about both lanes', () => {
  const run = runs.get('burst');
  expect(run && plain(verdict(run, scenarioOf('burst')))).toBe(
    'Without a key it happened 20 times: €250.00. With a key it happened once: €12.50.',
  );
});

it('facts of one moment keep to the order in which they follow each other', () => {
  const mixed = inOrder([
    { t: 5, kind: 'answered', from: 'client', req: 1 },
    { t: 5, kind: 'charged', from: 'server', req: 1 },
    { t: 5, kind: 'sent', from: 'client', req: 1 },
  ]);
  expect(mixed.map(({ kind }) => kind)).toEqual(['sent', 'charged', 'answered']);
});

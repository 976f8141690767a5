import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyLane, type Fact, type Lane, type Run } from '../model/facts.ts';
import { decode } from '../model/link.ts';
import { type LaneScript, momentAt } from '../model/moment.ts';
import recorded from '../model/recorded.json' with { type: 'json' };
import { scenarioOf } from '../model/scenarios.ts';
import { plain } from '../model/words.ts';
import { type Drawing, Player, planOf } from './player.ts';

/** A clock and its frames, both moved by hand. */
class HandTicker {
  private at = 1_000;
  private frames = new Map<number, () => void>();
  private last = 0;

  readonly now = (): number => this.at;
  readonly onFrame = (callback: () => void): number => {
    this.last += 1;
    this.frames.set(this.last, callback);
    return this.last;
  };
  readonly cancel = (frame: number): void => {
    this.frames.delete(frame);
  };

  get waiting(): boolean {
    return this.frames.size > 0;
  }

  /** Lets time go by without a frame: the machine is busy, or the tab is in the background. */
  pass(ms: number): void {
    this.at += ms;
  }

  paint(): void {
    const due = [...this.frames.values()];
    this.frames.clear();
    for (const callback of due) {
      callback();
    }
  }
}

/** A lane's view that remembers what it was told to draw. */
class Canvas implements Drawing {
  script: LaneScript | undefined;
  painted = { s: -1, t: -1 };
  /** Where what moves is, and whether it moves. */
  moving = { s: -1, on: false };
  closed = false;

  animate = (script: LaneScript): void => {
    this.script = script;
    this.moving = { s: 0, on: false };
  };
  seek = (s: number): void => {
    this.moving = { ...this.moving, s };
  };
  play = (s: number): void => {
    this.moving = { s, on: true };
  };
  pause = (): void => {
    this.moving = { ...this.moving, on: false };
  };
  paint = (s: number, t: number): void => {
    this.painted = { s, t };
  };
  close = (): void => {
    this.closed = true;
  };

  get caption(): string {
    return this.script === undefined ? '' : plain(momentAt(this.script, this.painted.s, this.painted.t).caption);
  }
}

function opened(run: Run, live: boolean) {
  const ticker = new HandTicker();
  const canvases = [new Canvas(), new Canvas()] as const;
  const player = new Player(planOf(run, scenarioOf(run.scenario), live), () => false, ticker);
  player.attach(0, canvases[0]);
  player.attach(1, canvases[1]);
  return { ticker, canvases, player };
}

/** What the lane's story says last. */
function lastSentence(lane: 0 | 1, player: Player): string {
  const beat = player.get().plan.scripts[lane].story.findLast((one) => !one.beat.quiet)?.beat;
  return plain(beat?.say(beat.facts.length) ?? []);
}

const crash = (await decode(recorded.crash)) as Run;

it('a live run that waits has said all that is known', () => {
  const facts: readonly Fact[] = [
    { t: 0, kind: 'sent', from: 'client', req: 1, why: 'first', key: '8f3c' },
    { t: 2, kind: 'claimed', from: 'server', req: 1 },
    { t: 4, kind: 'charged', from: 'server', req: 1, amount: 1_250, currency: 'EUR' },
    { t: 5, kind: 'crashed', from: 'server', req: 1 },
    { t: 8, kind: 'sent', from: 'client', req: 2, why: 'retry', key: '8f3c' },
    { t: 9, kind: 'held', from: 'server', req: 2 },
  ];
  const run: Run = { ...crash, lanes: [emptyLane(false), { keyed: true, facts, ended: false }] };
  const { ticker, canvases, player } = opened(run, true);
  player.play();
  for (let frame = 0; frame < 600; frame++) {
    ticker.pass(16);
    ticker.paint();
  }
  expect(canvases[1].caption).toBe(lastSentence(1, player));
  expect(canvases[1].caption).toContain('The client retries');
  expect(canvases[1].moving).toEqual({ s: canvases[1].painted.s, on: false });
  const { t } = canvases[1].painted;
  ticker.pass(1_000);
  ticker.paint();
  expect(canvases[1].painted.t).toBeCloseTo(t + 1_000, 6);
});

describe('however busy the machine is', () => {
  const names = Object.keys(recorded) as (keyof typeof recorded)[];

  it('a run that was followed live ends with its last sentence in both lanes', async () => {
    const runs = await Promise.all(names.map((name) => decode(recorded[name])));
    const story = fc.record({
      run: fc.constantFrom(...(runs as Run[])),
      // How far the run has come at each step, how long nothing is painted, and what happens to the stage meanwhile.
      steps: fc.array(
        fc.record({
          part: fc.double({ min: 0, max: 1, noNaN: true }),
          ms: fc.oneof(fc.nat(40), fc.nat(20_000)),
          paints: fc.nat(3),
          what: fc.constantFrom('nothing', 'resize', 'other view', 'pause and go on', 'speed'),
        }),
        { maxLength: 8 },
      ),
    });
    fc.assert(
      fc.property(story, ({ run, steps }) => {
        const upTo = (part: number): Run => {
          const cut = (lane: Lane): Lane => ({
            keyed: lane.keyed,
            facts: lane.facts.slice(0, Math.floor(part * lane.facts.length)),
            ended: false,
          });
          return { ...run, lanes: [cut(run.lanes[0]), cut(run.lanes[1])] };
        };
        const scenario = scenarioOf(run.scenario);
        const { ticker, canvases, player } = opened(upTo(0), true);
        const shown: [Canvas, Canvas] = [...canvases];
        player.play();
        for (const { part, ms, paints, what } of [...steps].sort((a, b) => a.part - b.part)) {
          player.update(planOf(upTo(part), scenario, true));
          ticker.pass(ms);
          for (let i = 0; i < paints; i++) {
            ticker.paint();
          }
          if (what === 'resize') {
            player.redraw();
          } else if (what === 'other view') {
            const old = shown[1];
            shown[1] = new Canvas();
            player.attach(1, shown[1]);
            expect(old.closed).toBe(true);
          } else if (what === 'pause and go on') {
            player.pause();
            player.play();
          } else if (what === 'speed') {
            player.setSpeed(player.get().speed === 1 ? 2 : 1);
          }
          for (const { moving, painted } of shown) {
            expect(moving.s).toBeLessThanOrEqual(painted.s + 1e-6);
          }
        }
        player.update(planOf(run, scenario, false));
        for (let frame = 0; player.get().playing && frame < 2_000; frame++) {
          ticker.pass(500);
          ticker.paint();
        }
        expect(player.get()).toMatchObject({ playing: false, over: true });
        expect(ticker.waiting).toBe(false);
        for (const i of [0, 1] as const) {
          expect(shown[i].caption).toBe(lastSentence(i, player));
          expect(shown[i].moving).toEqual({ s: player.get().plan.total, on: false });
        }
      }),
      { numRuns: 60 },
    );
  });

  it('a stage that is laid out anew long after the last frame goes on from where the run is', () => {
    const { ticker, canvases, player } = opened(crash, false);
    player.play();
    ticker.paint();
    ticker.pass(3_000);
    player.redraw();
    for (const { moving, painted } of canvases) {
      expect(moving).toEqual({ s: 3_000, on: true });
      expect(painted.s).toBe(3_000);
    }
  });
});

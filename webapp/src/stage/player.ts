import { useSyncExternalStore } from 'react';
import { type Run, requestsOf } from '../model/facts.ts';
import { type LaneScript, timed } from '../model/moment.ts';
import type { Scenario } from '../model/scenarios.ts';
import { tell } from '../model/tell.ts';
import { clockAt, leadIn, measureAt, type Shown, type Warp, warp } from '../model/warp.ts';
import type { LaneView } from './lane-view.ts';

/** A run, laid out on the screen. */
export interface Plan {
  readonly run: Run;
  readonly scenario: Scenario;
  /** Whether facts may still come. */
  readonly live: boolean;
  readonly warp: Warp;
  readonly scripts: readonly [LaneScript, LaneScript];
  /** When everything that is known has been said, in milliseconds on the screen: captions come after their facts. */
  readonly said: number;
  /** How long it is on the screen, in milliseconds. */
  readonly total: number;
}

/** What a lane is drawn by. */
export type Drawing = Pick<LaneView, 'animate' | 'seek' | 'play' | 'pause' | 'paint' | 'close'>;

/** Time, as the player goes by it. */
export interface Ticker {
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Calls back with the next frame that is painted. Returns what {@link Ticker.cancel} takes. */
  readonly onFrame: (callback: () => void) => number;
  readonly cancel: (frame: number) => void;
}

const browserTicker: Ticker = {
  now: () => performance.now(),
  onFrame: (callback) => requestAnimationFrame(callback),
  cancel: (frame) => cancelAnimationFrame(frame),
};

/** What the player's controls show. Changes when a fact is passed, not with every frame. */
export interface PlayerState {
  readonly plan: Plan;
  readonly playing: boolean;
  readonly speed: number;
  /** Whether the playhead has ever left the beginning. */
  readonly begun: boolean;
  /** Whether the playhead is at the end of a run that has ended. */
  readonly over: boolean;
  /** How many sentences of each lane have been reached. */
  readonly reached: readonly [number, number];
}

/** What changes with every frame. */
export interface Frame {
  readonly s: number;
  readonly t: number;
  /** How much slower than in reality. */
  readonly measure: number;
  readonly live: boolean;
  readonly plan: Plan;
}

/** What remains on the screen after the last fact, in milliseconds. */
const tail = 700;

/** Lays a run out. */
export function planOf(run: Run, scenario: Scenario, live: boolean): Plan {
  const laid = warp(run);
  const expected = scenario.countable ? run.count : 1;
  const script = (i: 0 | 1): LaneScript => {
    const lane = run.lanes[i];
    const shown = laid.lanes[i] ?? [];
    const telling = { scenario, protectedLane: i === 1, expected };
    return { lane, shown, ...telling, story: timed(tell(lane, telling), shown) };
  };
  const scripts = [script(0), script(1)] as const;
  const said = Math.max(laid.last, ...scripts.flatMap(({ story }) => story.map(({ from }) => from)));
  return { run, scenario, live, warp: laid, scripts, said, total: said + tail };
}

/** The requests that have a place in a lane. */
export function placesOf({ lane, expected }: LaneScript): readonly number[] {
  return requestsOf(lane.facts, expected);
}

/** Follows one member of a player's state, and nothing else of it. */
export function usePlayer<K extends keyof PlayerState>(player: Player, member: K): PlayerState[K] {
  return useSyncExternalStore(player.subscribe, () => player.get()[member]);
}

/**
 * Plays a run: a playhead over its plan, and the lanes that it is drawn in. A run that is under way is played like one
 * that has ended, as far as its facts go; at their end the playhead waits for the next one in real time.
 */
export class Player {
  private state: PlayerState;
  private s = 0;
  private mark = 0;
  private frame = 0;
  /** When the playhead came to the last fact that is known, by the ticker. */
  private waitingSince: number | undefined;
  /** Whether what moves is held where it is, because nothing more is known. */
  private held = false;
  private readonly views: (Drawing | undefined)[] = [undefined, undefined];
  private readonly listeners = new Set<() => void>();
  private readonly framers = new Set<(frame: Frame) => void>();
  private readonly still: () => boolean;
  private readonly ticker: Ticker;

  /** @param still whether nothing is to travel @param ticker default: the browser's */
  constructor(plan: Plan, still: () => boolean, ticker: Ticker = browserTicker) {
    this.still = still;
    this.ticker = ticker;
    this.state = { plan, playing: false, speed: 1, begun: false, over: false, reached: [0, 0] };
  }

  readonly get = (): PlayerState => this.state;

  readonly subscribe = (onChange: () => void): (() => void) => {
    this.listeners.add(onChange);
    return () => this.listeners.delete(onChange);
  };

  /** Calls back with every frame, and at once. */
  readonly onFrame = (framer: (frame: Frame) => void): (() => void) => {
    this.framers.add(framer);
    framer(this.now());
    return () => this.framers.delete(framer);
  };

  /** Takes a lane's view, or takes leave of it. */
  readonly attach = (lane: 0 | 1, view: Drawing | undefined): void => {
    this.views[lane]?.close();
    this.views[lane] = view;
    if (view !== undefined) {
      this.catchUp();
      this.draw(lane);
      this.paint();
    }
  };

  /** Shows another run, from its beginning. */
  open(plan: Plan): void {
    this.pause();
    this.s = 0;
    this.waitingSince = undefined;
    this.set({ plan, begun: false, over: false, reached: [0, 0] });
    this.redraw();
  }

  /** Takes in that the run has gone on. What has been shown stays shown, and nothing new is skipped. */
  update(plan: Plan): void {
    const old = this.state.plan;
    this.s = carryOver(old, plan, this.s);
    this.waitingSince = undefined;
    this.mark = this.ticker.now() - this.s / this.state.speed;
    this.set({ plan });
    this.redraw();
    if (this.state.playing) {
      this.start();
    }
  }

  /** Shows a run at its end. */
  finish(plan: Plan): void {
    this.open(plan);
    this.seek(plan.total);
  }

  play(): void {
    const { plan } = this.state;
    if (this.s >= plan.total - 5 && !plan.live) {
      this.s = 0;
    }
    this.set({ playing: true, begun: true });
    this.start();
  }

  pause(): void {
    this.ticker.cancel(this.frame);
    for (const view of this.views) {
      view?.pause();
    }
    this.set({ playing: false });
  }

  seek(s: number): void {
    this.pause();
    this.s = Math.min(this.state.plan.total, Math.max(0, s));
    this.waitingSince = undefined;
    for (const view of this.views) {
      view?.seek(this.s);
    }
    this.set({ begun: this.state.begun || this.s > 0 });
    this.paint();
  }

  by(ms: number): void {
    this.seek(this.s + ms);
  }

  /** Goes to the next or the previous sentence. */
  step(direction: 1 | -1): void {
    const { plan } = this.state;
    const stops = [0, ...plan.scripts.flatMap(({ story }) => story.map(({ from }) => from + 20)), plan.total].sort(
      (a, b) => a - b,
    );
    const next = direction > 0 ? stops.find((s) => s > this.s + 30) : stops.findLast((s) => s < this.s - 30);
    this.seek(next ?? (direction > 0 ? plan.total : 0));
  }

  setSpeed(speed: number): void {
    this.set({ speed });
    if (this.state.playing) {
      this.start();
    }
  }

  /** Measures and lays out everything anew: the window has another size, or nothing is to travel any more. */
  redraw(): void {
    this.catchUp();
    this.draw(0);
    this.draw(1);
    this.paint();
  }

  now(): Frame {
    const { plan } = this.state;
    const known = clockAt(plan.warp, this.s);
    const waited = this.waitingSince === undefined ? 0 : this.ticker.now() - this.waitingSince;
    return {
      s: this.s,
      t: known + waited,
      measure: this.waitingSince === undefined ? measureAt(plan.warp, this.s) : 1,
      live: plan.live,
      plan,
    };
  }

  /** Brings the playhead to where it is by now: the last frame may be long ago. */
  private catchUp(): void {
    const { plan, playing, speed } = this.state;
    if (playing) {
      this.s = Math.min(plan.live ? plan.said : plan.total, (this.ticker.now() - this.mark) * speed);
    }
  }

  private draw(lane: 0 | 1): void {
    const view = this.views[lane];
    if (view !== undefined) {
      const { plan, playing, speed } = this.state;
      view.animate(plan.scripts[lane], plan.total, this.still());
      if (playing) {
        this.held = false;
        view.play(this.s, speed);
      } else {
        view.seek(this.s);
      }
    }
  }

  private start(): void {
    const { speed } = this.state;
    this.mark = this.ticker.now() - this.s / speed;
    this.held = false;
    for (const view of this.views) {
      view?.play(this.s, speed);
    }
    this.ticker.cancel(this.frame);
    this.frame = this.ticker.onFrame(this.tick);
  }

  private readonly tick = (): void => {
    const { plan } = this.state;
    this.catchUp();
    if (plan.live && this.s >= plan.warp.last) {
      this.waitingSince ??= this.ticker.now();
    }
    if (plan.live && this.s >= plan.said && !this.held) {
      this.held = true;
      for (const view of this.views) {
        view?.pause();
        view?.seek(this.s);
      }
    }
    this.paint();
    if (this.s >= plan.total && !plan.live) {
      this.seek(plan.total);
    } else if (this.state.playing) {
      this.frame = this.ticker.onFrame(this.tick);
    }
  };

  private paint(): void {
    const frame = this.now();
    for (const view of this.views) {
      view?.paint(this.s, frame.t);
    }
    for (const framer of this.framers) {
      framer(frame);
    }
    const { plan } = this.state;
    const reached = plan.scripts.map(
      ({ story }) => story.filter(({ beat, s, from }) => (beat.kind === 'end' ? from : s) <= this.s).length,
    ) as [number, number];
    const over =
      !plan.live && plan.warp.length > 0 && plan.scripts.every(({ story }, i) => story.length === reached[i]);
    this.set({ reached: this.s <= 0 ? [0, 0] : reached, over: over && this.s > 0 });
  }

  private set(change: Partial<PlayerState>): void {
    const next = { ...this.state, ...change };
    const same =
      next.plan === this.state.plan &&
      next.playing === this.state.playing &&
      next.speed === this.state.speed &&
      next.begun === this.state.begun &&
      next.over === this.state.over &&
      next.reached.join() === this.state.reached.join();
    if (!same) {
      this.state = next;
      for (const listener of this.listeners) {
        listener();
      }
    }
  }
}

/**
 * Where the playhead is after the run has gone on. It keeps its distance to the last fact that it has passed; and it is
 * never behind a fact that is new, unless that is older than what has been shown.
 */
export function carryOver(old: Plan, plan: Plan, s: number): number {
  if (old.warp.length === 0 && old.warp.last <= leadIn) {
    return Math.min(s, leadIn);
  }
  const passed = old.warp.lanes.flat().filter((one) => one.s <= s);
  const last = passed.reduce<Shown | undefined>((a, b) => (a === undefined || b.s >= a.s ? b : a), undefined);
  const names = new Set(old.warp.lanes.flat().map(nameOf));
  const shownUntil = last === undefined ? Number.NEGATIVE_INFINITY : last.fact.t;
  const fresh = plan.warp.lanes.flat().filter((one) => !names.has(nameOf(one)) && one.fact.t >= shownUntil);
  const firstFresh = Math.min(...fresh.map((one) => one.s));
  const anchor = last && plan.warp.lanes.flat().find((one) => nameOf(one) === nameOf(last));
  const carried = last === undefined || anchor === undefined ? Math.min(s, plan.warp.last) : anchor.s + (s - last.s);
  return Math.max(0, Math.min(carried, firstFresh - 1, plan.total));
}

function nameOf({ fact, lane }: Shown): string {
  return `${lane} ${fact.kind} ${fact.req} ${fact.from === 'server' ? '' : fact.t}`;
}

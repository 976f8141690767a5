import type { Fact, Run } from './facts.ts';

/** A fact and its moment on the screen. */
export interface Shown {
  readonly fact: Fact;
  /** Which lane it belongs to. */
  readonly lane: number;
  /** Milliseconds on the screen since the beginning of the replay. */
  readonly s: number;
}

/** A part of a run that is shown in one measure of time. */
export interface Stretch {
  /** In the facts' milliseconds. */
  readonly t0: number;
  readonly t1: number;
  /** In milliseconds on the screen. */
  readonly s0: number;
  readonly s1: number;
  /** Whether nothing happens in it. */
  readonly wait: boolean;
}

/** A run's time, made watchable. */
export interface Warp {
  /** Each lane's facts, in their order. */
  readonly lanes: readonly (readonly Shown[])[];
  readonly stretches: readonly Stretch[];
  /** When the last fact is shown, in milliseconds on the screen. */
  readonly last: number;
  /** When the last fact happened, in the facts' milliseconds. */
  readonly length: number;
  /** Pairs of screen and clock, both growing. */
  readonly clock: readonly { readonly s: number; readonly t: number }[];
}

/** How long the eye needs between two facts of one request, in milliseconds on the screen. Others need {@link usual}. */
const eye: Readonly<Record<string, number>> = {
  'pressed>sent': 180,
  'written>sent': 180,
  'sent>claimed': 640,
  'sent>taken': 640,
  'sent>held': 640,
  'sent>replayed': 640,
  'sent>refused': 620,
  'sent>working': 520,
  'sent>charged': 880,
  'sent>bounced': 420,
  'claimed>working': 300,
  'claimed>charged': 480,
  'working>charged': 380,
  'taken>reconciled': 640,
  'reconciled>completed': 520,
  'charged>completed': 440,
  'charged>crashed': 480,
  'working>crashed': 420,
  'charged>lost': 620,
  'completed>lost': 460,
  'lost>answered': 640,
  'crashed>answered': 760,
  'completed>answered': 640,
  'charged>answered': 780,
  'replayed>answered': 600,
  'refused>answered': 620,
  'bounced>answered': 420,
  'held>replayed': 300,
  'held>refused': 300,
  'joined>shared': 500,
};
const usual = 260;
/** A busy stretch takes this long at most, unless the eye's times, reduced to a third, need more. */
const busyMost = 5_600;
/** A busy stretch is slowed down this much at most for its own sake. */
const slowMost = 70;
/** So long without any fact is a wait. */
const pause = 60;
/** What is on the screen before the first fact. */
export const leadIn = 250;

/** Lays the facts of a run out on the screen. A fact is never shown before its time, and lanes keep their order. */
export function warp({ lanes }: Pick<Run, 'lanes'>): Warp {
  const all = lanes
    .flatMap(({ facts }, lane) => facts.map((fact) => ({ fact, lane, s: 0 })))
    .sort((a, b) => a.fact.t - b.fact.t);
  const stretches: Stretch[] = [];
  let at = leadIn;
  let latest = new Map<string, (typeof all)[number]>();
  let lines = lanes.map(() => 0);
  for (let i = 0; i < all.length; ) {
    let j = i;
    while (timeOf(all[j + 1]) - timeOf(all[j]) < pause) {
      j++;
    }
    const group = all.slice(i, j + 1);
    const [t0, t1] = [timeOf(all[i]), timeOf(all[j])];
    const slow = t1 > t0 ? Math.min(slowMost, busyMost / (t1 - t0)) : 1;
    const begin = at;
    const lay = (patience: number) => {
      const own = new Map(latest);
      const line = [...lines];
      let end = begin;
      for (const one of group) {
        const who = `${one.lane}.${one.fact.req}`;
        const before = own.get(who);
        const need = before ? before.s + (eye[`${before.fact.kind}>${one.fact.kind}`] ?? usual) * patience : 0;
        one.s = Math.max(begin + (one.fact.t - t0) * slow, need, line[one.lane] ?? 0);
        own.set(who, { ...one });
        line[one.lane] = one.s;
        end = Math.max(end, one.s);
      }
      return { own, line, end };
    };
    let laid = lay(1);
    for (let patience = 0.9; laid.end - begin > busyMost && patience > 0.3; patience -= 0.1) {
      laid = lay(patience);
    }
    latest = laid.own;
    lines = laid.line;
    at = Math.max(laid.end, begin + 1);
    stretches.push({ t0, t1, s0: begin, s1: at, wait: false });
    const next = all[j + 1];
    if (next !== undefined) {
      const wait = next.fact.t - t1;
      const shown = Math.max(500, Math.min(wait, 400 + 700 * Math.log2(1 + wait / 500)));
      stretches.push({ t0: t1, t1: next.fact.t, s0: at, s1: at + shown, wait: true });
      at += shown;
    }
    i = j + 1;
  }
  const length = all.at(-1)?.fact.t ?? 0;
  return {
    lanes: lanes.map((_, lane) => all.filter((one) => one.lane === lane)),
    stretches,
    last: at,
    length,
    clock: clockOf(all, stretches),
  };
}

function timeOf(shown: { readonly fact: Fact } | undefined): number {
  return shown?.fact.t ?? Number.POSITIVE_INFINITY;
}

/** The clock never lags behind what is shown: it goes through the latest fact of every moment. */
function clockOf(all: readonly Shown[], stretches: readonly Stretch[]): Warp['clock'] {
  const points = [
    ...all.map(({ s, fact }) => ({ s, t: fact.t })),
    ...stretches.flatMap(({ s0, s1, t0, t1 }) => [
      { s: s0, t: t0 },
      { s: s1, t: t1 },
    ]),
  ].sort((a, b) => a.s - b.s || a.t - b.t);
  const clock: { s: number; t: number }[] = [];
  let t = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    t = Math.max(t, point.t);
    const last = clock.at(-1);
    if (last !== undefined && last.s === point.s) {
      last.t = t;
    } else {
      clock.push({ s: point.s, t });
    }
  }
  return clock;
}

/** The recorded time that a moment on the screen stands for, in the facts' milliseconds. */
export function clockAt({ clock }: Pick<Warp, 'clock'>, s: number): number {
  const [first] = clock;
  if (first === undefined || s <= first.s) {
    return first?.t ?? 0;
  }
  let low = 0;
  let high = clock.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((clock[middle]?.s ?? 0) <= s) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const [a, b] = [clock[low] ?? first, clock[high] ?? first];
  return s >= b.s ? b.t : a.t + ((s - a.s) / (b.s - a.s)) * (b.t - a.t);
}

/** How much slower than in reality a moment is shown; below 1 it is faster. */
export function measureAt({ stretches }: Pick<Warp, 'stretches'>, s: number): number {
  const here = stretches.find(({ s1 }) => s <= s1) ?? stretches.at(-1);
  return here === undefined ? 1 : (here.s1 - here.s0) / Math.max(0.5, here.t1 - here.t0);
}

/** The measure in words: `76× slower`, `3.5× faster`, `real time`. */
export function measureInWords(measure: number): string {
  if (measure > 1.15) {
    return `${measure > 10 ? Math.round(measure) : measure.toFixed(1)}× slower`;
  }
  return measure < 0.87 ? `${Number((1 / measure).toFixed(1))}× faster` : 'real time';
}

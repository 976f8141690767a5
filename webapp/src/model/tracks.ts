import type { Fact } from './facts.ts';
import type { Verdict } from './verdict.ts';
import type { Shown } from './warp.ts';

/** Where a request can be. `out` lies between browser and API, `back` between API and function. */
export type Station = 'slot' | 'out' | 'api' | 'back' | 'door' | 'gate' | 'record' | 'handler' | 'till';

/** A point in a lane, in pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A box in a lane, in pixels. */
export interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Where everything of a lane stands. */
export interface Geometry {
  /** Whether requests fall, as on a narrow screen, instead of moving to the right. */
  readonly down: boolean;
  /** A request's diameter. */
  readonly d: number;
  /** The middle of the road, and how far requests may be from it together. */
  readonly middle: number;
  readonly breadth: number;
  /** How far along the road each station is. */
  readonly along: Readonly<Record<Exclude<Station, 'slot'>, number>>;
  /** Each request's place in the browser. */
  readonly slots: ReadonlyMap<number, Point>;
  /** Where effects are stacked. */
  readonly towers: Box;
}

/** How a request looks: on its way, or as what became of it. */
export type Face = 'request' | Verdict;

/** A moment of something that moves. */
export interface Frame {
  /** Milliseconds on the screen. */
  readonly s: number;
  readonly transform?: string;
  readonly opacity?: number;
  /** Until the next frame. */
  readonly easing: string;
}

/** Something that moves, from the beginning of a run to its end. */
export interface Track {
  readonly what: 'dot' | 'face' | 'tag' | 'coin' | 'shard' | 'sum' | 'bolt' | 'press';
  /** The request that it belongs to. */
  readonly req?: number;
  readonly face?: Face;
  /** Of a tag: what it says. */
  readonly text?: string;
  /** Of a coin. */
  readonly width?: number;
  readonly height?: number;
  /** Of a coin: whether it is one too many. */
  readonly extra?: boolean;
  readonly frames: readonly Frame[];
}

/** What a lane's tracks are made of. */
export interface Scene {
  readonly facts: readonly Shown[];
  readonly requests: readonly number[];
  readonly keyed: boolean;
  readonly geometry: Geometry;
  /** Whether nothing is to travel: requests change place by a step. */
  readonly still: boolean;
  /** Whether the effect at that place is one too many. Default: all but the first. */
  readonly isExtra?: (place: number) => boolean;
  /** Effects that are there before anything is shown. */
  readonly before?: number;
}

/** Up to so many requests are drawn large, with a number and the key that they carry. */
export const large = 5;

const step = 'steps(1, end)';
const go = {
  out: 'cubic-bezier(.45,.05,.75,.6)',
  into: 'cubic-bezier(.2,.55,.35,1)',
  both: 'cubic-bezier(.45,.05,.25,1)',
} as const;

/** Everything that moves in a lane. */
export function tracks(scene: Scene): readonly Track[] {
  const at = placing(scene);
  return [
    ...scene.requests.flatMap((req) => dotTracks(req, scene, at)),
    ...coinTracks(scene, at),
    ...sumTrack(scene),
    ...scene.facts
      .filter(({ fact }) => fact.kind === 'crashed' || fact.kind === 'lost')
      .map(({ s }) => bolt(s, scene.still)),
    ...(scene.still
      ? []
      : scene.facts.filter(({ fact }) => fact.kind === 'pressed' && fact.why !== 'copy').map(({ s }) => press(s))),
  ];
}

type Placing = (station: Station, req: number | undefined) => Point;

/** Spreads requests over the road, neighbours in time apart from each other. */
function placing({ requests, geometry, keyed }: Scene): Placing {
  const { down, d, middle, breadth, along, slots } = geometry;
  const n = requests.length;
  const few = n <= large;
  const ranked = requests
    .map((req, i) => ({ req, at: ((i + 0.5) * 0.618034) % 1 }))
    .sort((a, b) => a.at - b.at)
    .map(({ req }) => req);
  const order = new Map((few ? requests : ranked).map((req, i) => [req, i]));
  const gap = Math.min(few ? 30 : 14, breadth / Math.max(1, n - 1));
  return (station, req) => {
    const rank = order.get(req ?? -1) ?? (n - 1) / 2;
    if (station === 'slot') {
      return slots.get(req ?? -1) ?? { x: middle, y: middle };
    }
    const aside = (rank - (n - 1) / 2) * gap;
    const off = station === 'till' ? aside * (few ? 0.8 : 0.5) + (down || few ? 0 : 20) : aside;
    const behind = keyed && (station === 'gate' || station === 'door') && n > 8 ? (rank % 3) * d * 0.92 : 0;
    const way = along[station] - behind;
    return down ? { x: middle + off, y: way } : { x: way, y: middle + off };
  };
}

function dotTracks(req: number, { facts, requests, keyed, geometry, still }: Scene, at: Placing): readonly Track[] {
  const { d } = geometry;
  const own = facts.filter(({ fact }) => fact.req === req || fact.dies?.includes(req));
  const few = requests.length <= large;
  const frames: Frame[] = [];
  /** Nothing is laid before what is there: facts can be closer to each other than what is shown of them takes. */
  const lay = (frame: Frame) => frames.push({ ...frame, s: Math.max(frame.s, frames.at(-1)?.s ?? 0) });
  const faces: { s: number; face: Face }[] = [{ s: 0, face: 'request' }];
  const tags: { from: number; to?: number; text: string }[] = [];
  const shards: Track[] = [];
  const move = (p: Point, scale = 1) =>
    `translate(${(p.x - d / 2).toFixed(1)}px, ${(p.y - d / 2).toFixed(1)}px)${scale === 1 ? '' : ` scale(${scale})`}`;
  const answered = own.find(({ fact }) => fact.kind === 'answered')?.fact.source;
  const success: Face =
    answered !== undefined && !['no-answer', 'failed', 'refused'].includes(answered) ? answered : 'executed';

  const first = own[0];
  const fromStart =
    !few ||
    (first !== undefined && first.fact.kind === 'pressed' && first.fact.t <= 0) ||
    (first === undefined && req === 1);
  let here: Station = 'slot';
  let s = 0;
  if (fromStart) {
    lay({ s: 0, transform: move(at('slot', req)), opacity: 1, easing: step });
  } else {
    const born =
      first === undefined ? Number.POSITIVE_INFINITY : Math.max(0, first.s - (first.fact.kind === 'sent' ? 160 : 0));
    lay({ s: 0, transform: move(at('slot', req), 0.4), opacity: 0, easing: step });
    if (first !== undefined) {
      lay({ s: born, transform: move(at('slot', req), 0.4), opacity: 0, easing: still ? step : 'ease-out' });
      lay({ s: born + 140, transform: move(at('slot', req)), opacity: 1, easing: step });
      s = born + 140;
    }
  }

  const face = (when: number, next: Face) => faces.push({ s: Math.max(when, faces.at(-1)?.s ?? 0), face: next });
  /** Travels to a station, so as to be there at the moment, and passes the API on the way. */
  const goTo = (station: Station, when: number, most = 640) => {
    if (station === here) {
      s = Math.max(s, when);
      return;
    }
    const start = Math.min(Math.max(s, when - most), when);
    const passes =
      (here === 'slot' && station !== 'out' && station !== 'api') ||
      (station === 'slot' && here !== 'api' && here !== 'out' && here !== 'back');
    const [from, to] = [at(here, req), at(station, req)];
    lay({ s: start, transform: move(from), opacity: 1, easing: still ? step : passes ? go.out : go.both });
    if (passes) {
      const gate = at('api', req);
      const whole = Math.hypot(to.x - from.x, to.y - from.y) || 1;
      const part = Math.min(0.7, Math.max(0.3, Math.hypot(gate.x - from.x, gate.y - from.y) / whole));
      lay({
        s: start + (when - start) * part,
        transform: move(gate),
        opacity: 1,
        easing: still ? step : go.into,
      });
    }
    lay({ s: when, transform: move(to), opacity: 1, easing: step });
    here = station;
    s = Math.max(s, when);
  };
  /**
   * Bursts where it is, and comes out of the API as something that nobody knows the end of.
   *
   * @param next when the next fact about it is shown
   */
  const burst = (when: number, next: number) => {
    const place = at(here, req);
    const back = Math.min(when + 420, Math.max(when + 2, (when + next) / 2));
    lay({ s: when, transform: move(place), opacity: 1, easing: step });
    lay({ s: when + 1, transform: move(place, 0.6), opacity: 0, easing: step });
    if (!still) {
      shards.push(...shardTracks(place, when));
    }
    lay({ s: when + (back - when) * 0.6, transform: move(at('api', req), 0.5), opacity: 0, easing: 'ease-out' });
    lay({ s: back, transform: move(at('api', req)), opacity: 1, easing: step });
    face(when + (back - when) / 2, 'no-answer');
    here = 'api';
    s = back;
  };

  for (const [i, { fact, s: when }] of own.entries()) {
    const next = own[i + 1]?.s ?? Number.POSITIVE_INFINITY;
    switch (fact.kind) {
      case 'sent':
        s = Math.max(s, when);
        face(when, 'request');
        tags.push({ from: when, text: fact.key ?? 'no key' });
        break;
      case 'claimed':
      case 'held':
      case 'taken':
        goTo('gate', when);
        break;
      case 'replayed':
        goTo(fact.by === 'memory' ? 'door' : 'gate', when);
        face(when, 'server-replay');
        break;
      case 'refused':
        goTo(fact.at === 'api' ? 'api' : fact.at === 'record' ? 'gate' : 'door', when);
        face(when, refusalFace(fact));
        break;
      case 'working':
        goTo('handler', when);
        break;
      case 'charged':
        goTo('till', when, 760);
        if (!keyed || fact.atomic) {
          face(when + 60, success);
        }
        break;
      case 'reconciled':
        goTo('till', when);
        break;
      case 'recalled':
        goTo('record', when);
        break;
      case 'mailed':
        goTo('till', when, 420);
        break;
      case 'completed':
        goTo('record', when, 460);
        face(when, success);
        break;
      case 'crashed':
        goTo('handler', when, 420);
        burst(when, next);
        break;
      case 'lost':
        goTo('back', when, 560);
        burst(when, next);
        break;
      case 'bounced':
        goTo('out', when, 320);
        face(when, 'failed');
        break;
      case 'answered': {
        goTo('slot', when, 620);
        face(when, fact.source ?? 'no-answer');
        const tag = tags.at(-1);
        if (tag !== undefined) {
          tag.to = when - 40;
        }
        break;
      }
      case 'queued':
        face(when, 'queued');
        break;
      case 'joined':
        face(when, 'waiting');
        break;
      case 'expired':
        face(when, 'expired');
        break;
      case 'cached':
      case 'shared':
        face(when, 'client-cache');
        break;
      case 'reloaded':
        if (fact.dies?.includes(req)) {
          lay({ s: when, transform: move(at(here, req)), opacity: 1, easing: 'ease-in' });
          lay({ s: when + 220, transform: move(at(here, req), 0.5), opacity: 0, easing: step });
        }
        break;
      default:
    }
  }

  return [
    { what: 'dot', req, frames },
    ...[...new Set(faces.map((one) => one.face))].map(
      (kind): Track => ({
        what: 'face',
        req,
        face: kind,
        frames: faces.map((one) => ({ s: one.s, opacity: one.face === kind ? 1 : 0, easing: step })),
      }),
    ),
    ...(few ? tags.map((tag) => tagTrack(req, tag)) : []),
    ...shards,
  ];
}

function refusalFace({ status, at }: Fact): Face {
  if (at === 'record') {
    return status === 409 ? 'in-progress' : 'mismatch';
  }
  return (status ?? 0) >= 500 ? 'no-answer' : 'refused';
}

function tagTrack(req: number, { from, to, text }: { from: number; to?: number; text: string }): Track {
  return {
    what: 'tag',
    req,
    text,
    frames: [
      { s: 0, opacity: 0, easing: step },
      { s: from, opacity: 0, easing: 'linear' },
      { s: from + 160, opacity: 1, easing: step },
      ...(to === undefined
        ? []
        : [
            { s: Math.max(from + 161, to - 160), opacity: 1, easing: 'linear' },
            { s: Math.max(from + 162, to), opacity: 0, easing: step },
          ]),
    ],
  };
}

function shardTracks(place: Point, when: number): readonly Track[] {
  return Array.from({ length: 7 }, (_, i): Track => {
    const angle = (i / 7) * Math.PI * 2 + 0.4;
    const far = 20 + (i % 3) * 9;
    const [x, y] = [place.x + Math.cos(angle) * far, place.y + Math.sin(angle) * far];
    const turn = i % 2 === 0 ? -120 : 120;
    return {
      what: 'shard',
      frames: [
        { s: when - 1, transform: `translate(${place.x}px, ${place.y}px) scale(.2)`, opacity: 0, easing: step },
        {
          s: when,
          transform: `translate(${place.x}px, ${place.y}px) scale(1)`,
          opacity: 1,
          easing: 'cubic-bezier(.1,.7,.3,1)',
        },
        {
          s: when + 620,
          transform: `translate(${x}px, ${y}px) scale(.3) rotate(${turn}deg)`,
          opacity: 0,
          easing: step,
        },
      ],
    };
  });
}

/** Coins appear where a request meets the ledger, and drop on their tower. */
function coinTracks(
  { facts, geometry, still, isExtra = (place) => place > 0, before = 0 }: Scene,
  at: Placing,
): readonly Track[] {
  const { towers } = geometry;
  const charged = facts.filter(({ fact }) => fact.kind === 'charged');
  const all = before + charged.length;
  const size = all <= 4 ? { w: 44, h: 12, gap: 2, per: 5 } : { w: 25, h: 6, gap: 1, per: 10 };
  const wide = towers.x1 - towers.x0;
  const columns = Math.ceil(all / size.per);
  const w = Math.min(size.w, Math.max(6, wide / Math.max(1, columns) - 4));
  const room = Math.floor((towers.y1 - towers.y0) / Math.max(1, Math.min(all, size.per))) - size.gap;
  const h = Math.max(3, Math.min(size.h, room));
  const spot = (i: number): Point => ({
    x: towers.x0 + Math.floor(i / size.per) * (w + 4),
    y: towers.y1 - h - (i % size.per) * (h + size.gap),
  });
  const coin = (i: number, frames: readonly Frame[]): Track => ({
    what: 'coin',
    width: w,
    height: h,
    extra: isExtra(i),
    frames,
  });
  const old = Array.from({ length: before }, (_, i) => {
    const { x, y } = spot(i);
    return coin(i, [{ s: 0, transform: `translate(${x}px, ${y}px)`, opacity: 1, easing: step }]);
  });
  return [
    ...old,
    ...charged.map(({ fact, s }, k) => {
      const i = before + k;
      const { x, y } = spot(i);
      const from = at('till', fact.req);
      const start = `translate(${from.x.toFixed(1)}px, ${(from.y - h / 2).toFixed(1)}px)`;
      const end = `translate(${x}px, ${y}px)`;
      return coin(
        i,
        still
          ? [
              { s: s - 1, transform: end, opacity: 0, easing: step },
              { s, transform: end, opacity: 1, easing: step },
            ]
          : [
              { s: s - 1, transform: `${start} scale(.4)`, opacity: 0, easing: step },
              { s, transform: `${start} scale(.5)`, opacity: 1, easing: 'cubic-bezier(.3,.1,.5,1)' },
              {
                s: s + 190,
                transform: `translate(${x}px, ${y - 26}px)`,
                opacity: 1,
                easing: 'cubic-bezier(.5,0,1,.6)',
              },
              { s: s + 340, transform: end, opacity: 1, easing: step },
            ],
      );
    }),
  ];
}

/** The sum jumps a little at every effect, but not more often than the eye follows. */
function sumTrack({ facts, still }: Scene): readonly Track[] {
  const bumps: number[] = [];
  for (const { fact, s } of facts) {
    if (fact.kind === 'charged' && s - (bumps.at(-1) ?? Number.NEGATIVE_INFINITY) > 130) {
      bumps.push(s);
    }
  }
  if (still || bumps.length === 0) {
    return [];
  }
  return [
    {
      what: 'sum',
      frames: [
        { s: 0, transform: 'scale(1)', easing: step },
        ...bumps.flatMap((s) => [
          { s, transform: 'scale(1)', easing: 'ease-out' },
          { s: s + 50, transform: 'scale(1.07)', easing: 'ease-in' },
          { s: s + 125, transform: 'scale(1)', easing: step },
        ]),
      ],
    },
  ];
}

function bolt(s: number, still: boolean): Track {
  return {
    what: 'bolt',
    frames: [
      { s: s - 91, opacity: 0, transform: 'scale(1)', easing: step },
      {
        s: s - 90,
        opacity: 0,
        transform: still ? 'scale(1)' : 'scale(1.6) rotate(8deg)',
        easing: still ? step : 'ease-in',
      },
      { s, opacity: 1, transform: 'scale(1)', easing: step },
      { s: s + 900, opacity: 1, transform: 'scale(1)', easing: still ? step : 'ease-out' },
      { s: s + 1_200, opacity: 0, transform: still ? 'scale(1)' : 'scale(.9)', easing: step },
    ],
  };
}

function press(s: number): Track {
  return {
    what: 'press',
    frames: [
      { s: s - 111, transform: 'scale(1)', easing: step },
      { s: s - 110, transform: 'scale(1)', easing: 'ease-in' },
      { s, transform: 'scale(.93)', easing: 'ease-out' },
      { s: s + 180, transform: 'scale(1)', easing: step },
    ],
  };
}

/** Frames as the Web Animations API takes them, for an animation that lasts the whole run. */
export function keyframes(frames: readonly Frame[], total: number): Keyframe[] {
  const sorted = frames
    .map((frame, i) => ({ frame, i }))
    .sort((a, b) => a.frame.s - b.frame.s || a.i - b.i)
    .map(({ frame: { s, ...rest } }) => ({ ...rest, offset: Math.min(1, Math.max(0, s / total)) }));
  const [first] = sorted;
  const last = sorted.at(-1);
  if (first !== undefined && first.offset > 0) {
    sorted.unshift({ ...first, offset: 0, easing: step });
  }
  if (last !== undefined && last.offset < 1) {
    sorted.push({ ...last, offset: 1 });
  }
  return sorted;
}

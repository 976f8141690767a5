import { type Fact, type Lane, requestsOf } from './facts.ts';
import { doubtOf, judge, ledgerLine } from './judge.ts';
import { formatMoney } from './money.ts';
import type { Beat, Telling } from './story.ts';
import { type Money, type RecordState, recordAt, type Totals, tally } from './totals.ts';
import type { Shown } from './warp.ts';
import { type Sentence, strong, thingNoun } from './words.ts';

/** A sentence and its moments on the screen. */
export interface TimedBeat {
  readonly beat: Beat;
  /** In the facts' milliseconds: when what it tells began. */
  readonly t: number;
  /** When its first fact is shown. */
  readonly s: number;
  /** From when on it is the caption: every caption stays long enough to be read. */
  readonly from: number;
}

/** How long a caption stays at least, in milliseconds on the screen. */
const reading = 900;

/** Gives each sentence its moment. */
export function timed(story: readonly Beat[], shown: readonly Shown[]): readonly TimedBeat[] {
  let free = 0;
  const last = shown.at(-1);
  return story.map((beat): TimedBeat => {
    const [first] = beat.facts;
    const fact = first === undefined ? undefined : shown[first];
    if (beat.kind === 'end' || fact === undefined) {
      const s = last?.s ?? 0;
      return { beat, t: last?.fact.t ?? 0, s, from: Math.max(s + 250, free + 300) };
    }
    const from = beat.quiet ? fact.s : Math.max(fact.s, free);
    if (!beat.quiet) {
      free = from + reading;
    }
    return { beat, t: fact.fact.t, s: fact.s, from };
  });
}

/** A lane, ready to be shown at any moment. */
export interface LaneScript extends Telling {
  readonly lane: Lane;
  readonly shown: readonly Shown[];
  readonly story: readonly TimedBeat[];
  /** Whether the effect at that place is one too many. Default: all but the first. */
  readonly isExtra?: (place: number) => boolean;
  /** What was there before the lane began, where it shows one act of many. */
  readonly before?: { readonly facts: readonly Fact[] };
}

/** All that a lane shows at one moment, besides what moves. */
export interface Moment {
  readonly caption: Sentence;
  readonly total: Totals;
  readonly record: RecordState;
  /** What stands at the ledger. */
  readonly sum: string;
  readonly ledger: Sentence;
  readonly ledgerTone: 'zero' | 'good' | 'bad' | 'none';
  /** Numbers at the stations. */
  readonly sent: Sentence;
  readonly runs: Sentence;
  readonly stopped: Sentence;
  readonly handlerBusy: boolean;
  readonly offline: boolean;
  readonly reloading: boolean;
  readonly secondTab: boolean;
  /** What the client does. */
  readonly status: string;
  /** Extra effects so far, in three steps. */
  readonly harm: 0 | 1 | 2 | 3;
  /** How the lane ended; empty before. */
  readonly done: '' | 'good' | 'bad' | 'luck' | 'unknown';
}

/** What a lane shows. @param s milliseconds on the screen @param t the same moment in the facts' milliseconds */
export function momentAt(script: LaneScript, s: number, t: number): Moment {
  const { lane, shown, scenario, protectedLane, isExtra = afterFirst, before } = script;
  const passed = shown.filter((one) => one.s <= s);
  const facts = passed.map(({ fact }) => fact);
  const all = before === undefined ? facts : [...before.facts, ...facts];
  const total = tally(facts);
  const ledger = before === undefined ? total : tally(all);
  const idle = s <= 0 || facts.length === 0;
  const over = passed.length === shown.length && lane.ended && shown.length > 0;
  const atEnd = over && lane.report !== undefined;
  const judged = atEnd && before === undefined ? judge(lane, protectedLane) : undefined;
  const unread = atEnd && ledger.effects === 0 && doubtOf(lane) === 'unreadable';
  const extra = Array.from({ length: ledger.effects }, (_, i) => i).filter(isExtra).length;
  const priceless = thingNoun(scenario) !== 'payment';
  const beat = script.story.findLast((one) => !one.beat.quiet && one.from <= s);
  const replied = total.replayed;
  const turned = [...total.refused]
    .filter(([status]) => status === 409 || status === 422)
    .reduce((n, [, k]) => n + k, 0);
  const stopped: Sentence = [
    ...(replied > 0 ? [strong(replied), ' answered'] : []),
    ...(replied > 0 && turned > 0 ? [', '] : []),
    ...(turned > 0 ? [strong(turned), ' refused'] : []),
  ];
  return {
    caption: beat?.beat.say(seen(beat, shown, s)) ?? ready(script),
    total,
    record: recordAt(all, t),
    sum: unread ? '–' : priceless ? String(ledger.effects) : formatSums(ledger.sums),
    ledger:
      before === undefined
        ? ledgerLine(over ? lane : { ...lane, ended: false }, total, protectedLane, scenario)
        : sessionLine(ledger.effects, extra),
    ledgerTone:
      extra > 0 ? 'bad' : ledger.effects > 0 ? 'good' : judged !== undefined && judged.tone === 'bad' ? 'none' : 'zero',
    sent: idle
      ? []
      : [strong(total.sent), ' sent', ...(total.unreached > 0 ? [', ', strong(total.unreached), ' failed'] : [])],
    runs: idle ? [] : [strong(total.runs), total.runs === 1 ? ' run' : ' runs'],
    stopped: idle ? [] : stopped,
    ...surroundings(passed, s, lane.keyed),
    harm: extra > 0 ? (Math.min(3, Math.ceil(extra / 6)) as 1 | 2 | 3) : 0,
    done: judged?.tone ?? '',
  };
}

function formatSums(sums: readonly Money[]): string {
  return sums.map(({ amount, currency }) => formatMoney(amount, currency)).join(' + ') || formatMoney(0, 'EUR');
}

/** All effects but the first are too many, where one was meant. */
export function afterFirst(place: number): boolean {
  return place > 0;
}

/** What a whole session's ledger has. */
function sessionLine(effects: number, extra: number): Sentence {
  const head = effects === 0 ? '' : `${effects} ${effects === 1 ? 'entry' : 'entries'}`;
  return extra > 0 ? [`${head}, `, strong(`${extra} too many`, 'bad')] : head === '' ? [] : [head];
}

/** How many facts of a sentence have been shown. */
export function seen({ beat }: TimedBeat, shown: readonly Shown[], s: number): number {
  return beat.facts.filter((i) => (shown[i]?.s ?? Number.POSITIVE_INFINITY) <= s).length;
}

/** What is about to be sent. */
function ready({ lane, scenario, expected = 1 }: LaneScript): Sentence {
  const thing = thingNoun(scenario);
  const key = lane.facts.find((fact) => fact.key !== undefined)?.key;
  const tag = key === undefined ? [] : [' ', { key }];
  if (requestsOf([], expected).length > 1) {
    return lane.keyed
      ? [`${expected} copies of one ${thing}, all with ${key === undefined ? 'one key' : 'the key'}`, ...tag, '.']
      : [`${expected} copies of one ${thing}, none with a key.`];
  }
  return lane.keyed
    ? [`One ${thing}, with ${key === undefined ? 'a key' : 'the key'}`, ...tag, '.']
    : [`One ${thing}, without a key.`];
}

type Surroundings = Pick<Moment, 'handlerBusy' | 'offline' | 'reloading' | 'secondTab' | 'status'>;

/** The handler, the network and the browser at a moment. */
function surroundings(passed: readonly Shown[], s: number, keyed: boolean): Surroundings {
  const running = new Set<number | undefined>();
  let [offline, reloading, secondTab] = [false, false, false];
  let status = '';
  for (const { fact, s: when } of passed) {
    const { kind, req } = fact;
    switch (kind) {
      case 'working':
      case 'taken':
        running.add(req);
        break;
      case 'completed':
      case 'crashed':
      case 'lost':
      case 'answered':
        running.delete(req);
        break;
      case 'charged':
        if (!keyed || fact.atomic) {
          running.delete(req);
        }
        break;
      default:
    }
    if (kind === 'unplugged' || kind === 'plugged') {
      offline = kind === 'unplugged';
    } else if (kind === 'reloaded') {
      reloading = s - when < 650;
      status = (fact.dies?.length ?? 0) > 0 ? 'nothing remembered' : status;
    } else if (kind === 'pressed' && fact.why === 'tab') {
      secondTab = true;
    } else if (kind === 'queued' || kind === 'restored') {
      status = 'in the outbox';
    } else if (kind === 'joined') {
      status = 'tab 2 waits for tab 1';
    } else if (kind === 'expired') {
      status = 'asks a person';
    } else if (kind === 'shared' || (kind === 'sent' && status === 'in the outbox')) {
      status = '';
    }
  }
  return { handlerBusy: running.size > 0, offline, reloading, secondTab, status };
}

import type { Lane, Run } from './facts.ts';
import { formatMoney } from './money.ts';
import type { Scenario } from './scenarios.ts';
import { reachedApi, type Totals, tally } from './totals.ts';
import { effectNoun, howOften, type Part, type Sentence, strong, thingNoun } from './words.ts';

/** How a lane ended, seen by somebody who wanted the thing once. */
export interface Judgement {
  /**
   * - `good`: once
   * - `bad`: more than once, or never
   * - `luck`: once without protection, because some copies never got there
   * - `unknown`: the facts don't say
   */
  readonly tone: 'good' | 'bad' | 'luck' | 'unknown';
  /** A few words: `as meant`, `19 too many`. */
  readonly text: string;
  /** For the scoreboard: `20×`, `–`. */
  readonly value: string;
  /** How often it happened; undefined if that is not known. */
  readonly effects: number | undefined;
}

/** Why it is not known what a lane came to. */
export type Doubt = 'unreached' | 'unreadable' | 'disagrees' | 'open' | undefined;

/** Whether the facts of an ended lane leave a doubt about its number of effects. */
export function doubtOf(lane: Lane): Doubt {
  const total = tally(lane.facts);
  if (lane.report?.kind === 'unreadable' || lane.report === undefined) {
    // Where nothing has left the browser, nothing can have been done.
    return reachedApi(lane) || (total.unreached === 0 && total.sent > 0) ? 'unreadable' : 'unreached';
  }
  if (lane.report.effects !== total.effects || !lane.report.agrees) {
    return 'disagrees';
  }
  if (total.sent === 0 && total.unreached > 0 && !wentOffline(lane)) {
    return 'unreached';
  }
  return lane.trouble !== undefined || total.open > 0 ? 'open' : undefined;
}

/** Whether the scenario itself took the network away, so that not reaching the API is part of it. */
function wentOffline({ facts }: Lane): boolean {
  return facts.some(({ kind }) => kind === 'unplugged');
}

/** Judges a lane that has ended. */
export function judge(lane: Lane, protectedLane: boolean): Judgement {
  const total = tally(lane.facts);
  const doubt = doubtOf(lane);
  if (doubt !== undefined) {
    const text = {
      unreached: 'API not reached',
      unreadable: 'ledger not read',
      disagrees: 'counts differ',
      open: 'not played to its end',
    }[doubt];
    return { tone: 'unknown', text, value: '–', effects: undefined };
  }
  const { effects } = total;
  const value = `${effects}×`;
  if (effects === 0) {
    return { tone: 'bad', text: 'it never happened', value, effects };
  }
  if (effects > 1) {
    return { tone: 'bad', text: `${effects - 1} too many`, value, effects };
  }
  if (total.receipts !== 1 && asksForReceipt(lane)) {
    const text = total.receipts === 0 ? 'no receipt' : `${total.receipts - 1} receipts too many`;
    return { tone: 'bad', text: total.receipts === 2 ? 'a receipt too many' : text, value, effects };
  }
  return !protectedLane && turnedBack(total) > 0
    ? { tone: 'luck', text: 'once, by luck', value, effects }
    : { tone: 'good', text: 'as meant', value, effects };
}

/** Whether a receipt is wanted of what the lane's requests ask for. */
function asksForReceipt({ facts }: Lane): boolean {
  return facts.some(({ kind, receipt }) => kind === 'sent' && receipt === true);
}

/** Requests that were turned back before they could do anything. */
export function turnedBack(total: Totals): number {
  const refused = [...total.refused].filter(([status]) => status !== 409 && status !== 422);
  return refused.reduce((sum, [, count]) => sum + count, 0) + total.unreached;
}

/** Both lanes in one sentence. Only of a run that has ended. */
export function verdict(run: Run, scenario: Scenario): Sentence {
  const [a, b] = run.lanes;
  const judgements = [judge(a, false), judge(b, true)] as const;
  if (doubtOf(a) === 'unreached' && doubtOf(b) === 'unreached') {
    return ['Nothing was decided: ', strong('the API was never reached', 'bad'), '.'];
  }
  return [
    ...half(a, judgements[0], nameOf(scenario.names[0]), scenario),
    ' ',
    ...half(b, judgements[1], nameOf(scenario.names[1]), scenario),
  ];
}

function half(lane: Lane, { effects, tone, text }: Judgement, name: string, scenario: Scenario): readonly Part[] {
  if (effects === undefined) {
    return [`${name} `, strong('it is not known', 'bad'), `: ${text}.`];
  }
  const sums = tally(lane.facts).sums.map(({ amount, currency }) => formatMoney(amount, currency));
  const happened = effects === 0 ? 'it ' : 'it happened ';
  const often = effects === 0 ? 'never happened' : howOften(effects);
  const cost = thingNoun(scenario) !== 'payment' || effects === 0 || sums.length === 0 ? '' : `: ${sums.join(' and ')}`;
  return [
    `${name} ${happened}`,
    strong(often, tone === 'good' ? 'good' : 'bad'),
    `${cost}${tone === 'luck' ? ', by luck' : tone === 'bad' && effects === 1 ? `, ${text}` : ''}.`,
  ];
}

function nameOf(lane: string): string {
  return lane === 'Key alone' ? 'With the key alone' : lane;
}

/** What stands in the place of the summary line if a run went otherwise than the scenario wants. */
export function notice(run: Run, scenario: Scenario): string | undefined {
  const lanes = run.lanes;
  if (lanes.some(({ trouble }) => trouble === 'popup-blocked')) {
    return 'The second tab never came: the browser did not let this page open one. Allow pop-ups for it and play again.';
  }
  if (lanes.some(({ trouble }) => trouble === 'interrupted')) {
    return 'This run was interrupted. What it did until then is shown.';
  }
  if (lanes.every((lane) => doubtOf(lane) === 'unreached')) {
    return 'The API can’t be reached. With the local stack: make run, then play again.';
  }
  const limited = lanes.flatMap(({ facts }) => facts).find(({ kind, at }) => kind === 'refused' && at === 'faults');
  if (limited !== undefined) {
    const wait = limited.retryAfter === undefined ? 'Wait a minute' : `Wait ${limited.retryAfter} s`;
    return `The API lets only so much go wrong on purpose (${limited.status}). ${wait}, and play again.`;
  }
  const sum = (status: number) => lanes.reduce((all, lane) => all + (tally(lane.facts).refused.get(status) ?? 0), 0);
  if (sum(429) > 0) {
    return scenario.countable
      ? 'The API refused some of the copies (429). Wait a moment, or choose fewer.'
      : 'The API refused some of the requests (429). Wait a moment, and play again.';
  }
  const problem = lanes
    .flatMap(({ facts }) => facts)
    .find(({ kind, status = 0, at }) => kind === 'refused' && at !== 'record' && status !== 409);
  if (problem !== undefined) {
    const { status = 0, title } = problem;
    return `The API ${status >= 500 ? 'failed' : 'refused what was sent'} (${status})${title ? `: ${title}.` : '.'}`;
  }
  if (lanes.some((lane) => doubtOf(lane) === 'unreadable')) {
    return 'The ledger could not be read, so what this run did is not known. Play it again.';
  }
  if (lanes.some((lane) => doubtOf(lane) === 'disagrees')) {
    return 'What the page was told and what the API’s ledger says differ. The ledger is right.';
  }
  if (lanes.some(({ trouble }) => trouble === 'timed-out')) {
    return 'No answer in 45 s. What became of it is open.';
  }
  return undefined;
}

/** A number of effects in words, judged: `20 charges, 19 too many`. */
export function ledgerLine(lane: Lane, total: Totals, protectedLane: boolean, scenario: Scenario): Sentence {
  const { effects } = total;
  const ended = lane.ended;
  const noun = `${effects} ${effectNoun(scenario, effects)}`;
  if (ended) {
    const { tone, text } = judge(lane, protectedLane);
    if (tone === 'unknown') {
      return [effects === 0 ? text : `${noun}, ${text}`];
    }
    return effects === 0
      ? [strong('it never happened', 'bad')]
      : [`${noun}, `, strong(text, tone === 'good' ? 'good' : 'bad')];
  }
  if (effects === 0) {
    return [];
  }
  return effects > 1 ? [`${noun}, `, strong(`${effects - 1} too many`, 'bad')] : [noun];
}

import { type Fact, type Lane, requestsOf } from './facts.ts';
import { doubtOf, judge, turnedBack } from './judge.ts';
import { formatMoney } from './money.ts';
import type { Scenario } from './scenarios.ts';
import { type Beat, stopped, type Telling } from './story.ts';
import { tellCrowd } from './tell-crowd.ts';
import { tally } from './totals.ts';
import { counted, effectNoun, howOften, type Part, plain, type Sentence, span, strong, thingNoun } from './words.ts';

/** More copies than this at once, or more requests one after the other, are a crowd, of which no single one is told. */
const few = { copies: 4, requests: 6 };

/** A lane's story: sentences made of its facts, in their order, and how it ended if it has. */
export function tell(lane: Lane, telling: Telling): readonly Beat[] {
  const { expected = 1 } = telling;
  const crowd = expected > few.copies || requestsOf(lane.facts, expected).length > few.requests;
  const beats = crowd ? tellCrowd(lane, telling) : tellFew(lane, telling);
  return lane.ended ? [...beats, { kind: 'end', facts: [], quiet: false, say: () => ending(lane, telling) }] : beats;
}

/** What a fact's sentence depends on besides the fact. */
interface Context {
  readonly scenario: Scenario;
  readonly facts: readonly Fact[];
  /** The index of the fact among them. */
  readonly i: number;
}

function tellFew({ facts }: Lane, { scenario }: Telling): readonly Beat[] {
  interface Open {
    kind: Beat['kind'];
    readonly req: number | undefined;
    readonly facts: number[];
  }
  const order: { readonly beat: Open | Beat }[] = [];
  for (const [i, fact] of facts.entries()) {
    const open = order.at(-1)?.beat;
    const here = { scenario, facts, i };
    if (fact.kind === 'answered') {
      const wait = patienceAfter(here);
      if (wait !== undefined) {
        const beat: Beat = { kind: 'wait', facts: [i], quiet: false, say: () => wait };
        order.push({ beat });
      }
    } else if (open !== undefined && 'req' in open && open.req === fact.req && clauseOf(here) !== undefined) {
      open.facts.push(i);
      if (fact.kind === 'charged' && chargesBefore(here) > 0) {
        open.kind = 'again';
      }
    } else if (leadOf(here) !== undefined || clauseOf(here) !== undefined) {
      const kind = fact.kind === 'charged' && chargesBefore(here) > 0 ? 'again' : fact.kind;
      const beat: Open = { kind, req: fact.req, facts: [i] };
      order.push({ beat });
    }
  }
  return order.map(({ beat }) => ({
    kind: beat.kind,
    facts: beat.facts,
    quiet: false,
    say: 'say' in beat ? beat.say : (seen) => join(beat.facts.slice(0, Math.max(1, seen)), facts, scenario),
  }));
}

/** A lead, a colon, the clauses. A sentence that begins with a clause says whose it is. */
function join(indices: readonly number[], facts: readonly Fact[], scenario: Scenario): Sentence {
  const [first = 0] = indices;
  const own = leadOf({ scenario, facts, i: first });
  const req = facts[first]?.req;
  const lead = own ?? [req === undefined ? 'It goes on' : `Request ${req} goes on`];
  const clauses = (own === undefined ? indices : indices.slice(1))
    .map((i) => clauseOf({ scenario, facts, i }))
    .filter((clause) => clause !== undefined);
  const parts = clauses.flatMap((clause, i): readonly Part[] => {
    const previous = clauses[i - 1];
    if (previous === undefined) {
      return [': ', ...clause];
    }
    return plain(previous).endsWith('.') ? [' ', ...capitalised(clause)] : [', ', ...clause];
  });
  return stopped([...lead, ...parts]);
}

function capitalised([first, ...rest]: Sentence): Sentence {
  return typeof first === 'string' ? [first.charAt(0).toUpperCase() + first.slice(1), ...rest] : [first ?? '', ...rest];
}

function before({ facts, i }: Context, wanted: (fact: Fact) => boolean): readonly Fact[] {
  return facts.slice(0, i).filter(wanted);
}

function chargesBefore(here: Context): number {
  return before(here, ({ kind }) => kind === 'charged').length;
}

/** The status that the browser was told for a request, if it was told one. */
function statusTold({ facts, i }: Context): number | undefined {
  const req = facts[i]?.req;
  return facts.find(({ kind, req: other }) => kind === 'answered' && other === req)?.status;
}

/** Whether the network is unplugged at the fact. */
function unplugged(here: Context): boolean {
  const last = before(here, ({ kind }) => kind === 'unplugged' || kind === 'plugged').at(-1);
  return last?.kind === 'unplugged';
}

/** How a sentence begins that a fact begins. Undefined for facts that only go on with one, or are not told. */
function leadOf(here: Context): Sentence | undefined {
  const fact = here.facts[here.i];
  const keyed: readonly Part[] = fact?.key === undefined ? [] : [{ key: fact.key }];
  switch (fact?.kind) {
    case 'sent':
      return sentLead(fact, here);
    case 'lost':
      return [`The function ends without answering: ${effectOf(fact, here)}${told(here)}.`];
    case 'crashed':
      return crashLead(fact, here);
    case 'taken':
      return ['The lease is over, the retry takes over'];
    case 'unplugged':
      return ['The network is gone'];
    case 'plugged':
      return ['The network is back'];
    case 'written':
      return isFollowedBySent(here)
        ? undefined
        : ['First the client writes it down', ...(keyed.length > 0 ? [', with the key ', ...keyed] : [])];
    case 'queued':
      return ['The client keeps it in its outbox'];
    case 'reloaded':
      return [
        (fact.dies?.length ?? 0) > 0
          ? `The page is reloaded, and nothing remembers the ${thingNoun(here.scenario)}`
          : 'The page is reloaded',
      ];
    case 'restored':
      return ['After the reload it is still there', ...(keyed.length > 0 ? [', under the same key ', ...keyed] : [])];
    case 'refused':
      return fact.status === 409 && fact.at === 'record' && wasHeld(fact, here)
        ? [`Still in progress: it is told 409${comeBack(fact)}`]
        : undefined;
    case 'silence':
      return ['Nobody sends anything. The customer believes they have paid'];
    case 'joined':
      return ['The second tab sees that the first is at it: it sends nothing and waits.'];
    case 'cached':
      return ['The client knows the answer already, and sends nothing'];
    case 'shared':
      return ['The second tab is given the first one’s answer, from the client'];
    case 'forgot':
      return [
        fact.windowMs === undefined
          ? 'The window is over: the server forgets the key.'
          : `The window is over (${span(Math.round(fact.windowMs / 1_000) * 1_000)} here, usually a day): the server forgets the key.`,
      ];
    case 'expired':
      return [
        `The client does not send again, it could be a second ${thingNoun(here.scenario)}: a person has to look.`,
      ];
    default:
      return undefined;
  }
}

function sentLead(fact: Fact, here: Context): Sentence {
  const sent = before(here, ({ kind }) => kind === 'sent');
  const first = sent[0];
  const keyed = fact.key !== undefined;
  const again = sent.length > 0;
  const same =
    keyed && before(here, ({ kind, key }) => key === fact.key && (kind === 'sent' || kind === 'queued')).length > 0;
  const key: readonly Part[] = keyed ? [same ? 'the same key ' : 'the key ', { key: fact.key }] : [];
  const presses = before(here, ({ kind, why }) => kind === 'pressed' && why !== 'tab').length;
  const nth = presses === 2 ? 'The second press' : presses > 2 ? 'Another press' : 'The press';
  switch (fact.why) {
    case 'copy':
      if (again) {
        const either = sent.every((other) => other.key === undefined) ? ' either' : '';
        return keyed ? ['A copy carries ', ...key] : [`A copy carries no key${either}`];
      }
      break;
    case 'click':
      if (again) {
        return keyed ? [`${nth} sends `, ...key] : [`${nth} sends it again`];
      }
      break;
    case 'impatient':
      if (again) {
        const waiting = sent.some(
          ({ req }) => before(here, (other) => other.kind === 'answered' && other.req === req).length === 0,
        );
        const why = waiting ? 'No answer yet, so' : 'Again,';
        return keyed
          ? [`${why} `, { key: fact.key }, ' is sent', ...(waiting ? [' again'] : [])]
          : [`${why} it is sent again`];
      }
      break;
    case 'retry':
      return keyed ? ['The client retries with ', ...key] : ['The client retries'];
    case 'outbox':
      return keyed ? ['Sent from the outbox, with ', ...key] : ['Sent from the outbox'];
    case 'tab':
      return keyed ? ['The second tab sends the same, with ', ...key] : ['The second tab sends the same payment'];
    case 'bug':
      if (first !== undefined && fact.amount !== undefined && fact.amount !== first.amount) {
        const sum = formatMoney(fact.amount, fact.currency ?? 'EUR');
        return keyed ? [`A bug sends ${sum} under `, ...key] : [`A bug sends it again, with another amount (${sum})`];
      }
      break;
    default:
  }
  return keyed ? ['The request carries ', ...key] : ['The request carries no key'];
}

function crashLead(fact: Fact, here: Context): Sentence {
  const done = before(here, ({ kind, req }) => kind === 'charged' && req === fact.req).length > 0;
  const claimed =
    before(here, ({ kind, req }) => (kind === 'claimed' || kind === 'taken') && req === fact.req).length > 0;
  if (claimed) {
    return ['The function dies before it can record the result. Its lease on the key runs on.'];
  }
  const noun = effectNoun(here.scenario, 1);
  return [`The function dies${done ? ` after the ${noun}` : ''}${told(here)}.`];
}

function told(here: Context): string {
  const status = statusTold(here);
  return status === undefined ? '' : `, and the browser is told ${status}`;
}

/** What had come of a request when its response was lost. */
function effectOf(fact: Fact, here: Context): string {
  const own = before(here, ({ req }) => req === fact.req);
  return own.some(({ kind }) => kind === 'charged' || kind === 'completed')
    ? 'it is done'
    : 'nobody hears how it ended';
}

/** Whether a request was sent as soon as it was written down, so that the writing is not worth a sentence. */
function isFollowedBySent({ facts, i }: Context): boolean {
  const fact = facts[i];
  return facts.slice(i + 1).find(({ req }) => req === fact?.req)?.kind === 'sent';
}

/** What a fact adds to the sentence about its request. Undefined for those that begin one, or are not told. */
function clauseOf(here: Context): Sentence | undefined {
  const fact = here.facts[here.i];
  switch (fact?.kind) {
    case 'claimed':
      return ['it is claimed'];
    case 'working':
      return isSlow(here) ? ['the handler is slow'] : undefined;
    case 'charged':
      return chargeClause(fact, here);
    case 'completed':
      return ['the answer is kept'];
    case 'held':
      return ['the record says “in progress”, so it waits'];
    case 'replayed':
      return [fact.same ? 'the recorded answer comes back, byte for byte' : 'the recorded answer comes back'];
    case 'recalled':
      return ['the charge is on record, so it is not made again'];
    case 'mailed':
      return before(here, ({ kind }) => kind === 'mailed').length > 0
        ? [strong('another receipt', 'bad'), ' is sent']
        : ['the receipt is sent'];
    case 'reconciled':
      return ['the processor has that charge'];
    case 'queued':
      return ['it waits in the outbox'];
    case 'bounced':
      return [unplugged(here) ? 'it fails at once, there is no network' : 'it reaches nobody'];
    case 'refused':
      return refusedClause(fact, here);
    default:
      return undefined;
  }
}

/** A handler that takes longer than people notice. */
function isSlow({ facts, i }: Context): boolean {
  const fact = facts[i];
  const next = facts.slice(i + 1).find(({ req, kind }) => req === fact?.req && kind !== 'working');
  return next !== undefined && fact !== undefined && next.t - fact.t >= 250;
}

function chargeClause(fact: Fact, here: Context): Sentence {
  const again = chargesBefore(here) > 0;
  if (fact.amount === undefined || fact.currency === undefined) {
    const noun = effectNoun(here.scenario, 1);
    const done = noun === 'order' ? 'placed' : noun === 'customer' ? 'added' : 'made';
    return again
      ? [strong(`another ${noun}`, 'bad'), ` is ${done}. It looks like a new one.`]
      : [strong(`one ${noun}`), ` is ${done}`];
  }
  const sum = formatMoney(fact.amount, fact.currency);
  if (!again) {
    return [strong(sum), ' is charged'];
  }
  const [first] = before(here, ({ kind }) => kind === 'charged');
  return first?.amount === fact.amount && first.currency === fact.currency
    ? [strong(sum, 'bad'), ' is charged again. It looks like a new payment.']
    : [strong(sum, 'bad'), ' is charged, too'];
}

function wasHeld({ req }: Fact, here: Context): boolean {
  return before(here, (other) => other.kind === 'held' && other.req === req).length > 0;
}

function comeBack({ retryAfter }: Fact): string {
  return retryAfter === undefined ? '' : `, and to come back in ${retryAfter} s`;
}

function refusedClause(fact: Fact, here: Context): Sentence | undefined {
  const { status = 0, at, title } = fact;
  if (status === 409 && at === 'record') {
    return wasHeld(fact, here) ? undefined : [`the record is in progress, so it is told 409${comeBack(fact)}`];
  }
  if (status === 422 && at === 'record') {
    const owner = before(here, ({ kind, amount }) => kind === 'sent' && amount !== undefined)[0];
    return owner?.amount === undefined || owner.amount === requested(fact, here)
      ? ['the record belongs to another payload, so it is refused (422)']
      : [`the record belongs to ${formatMoney(owner.amount, owner.currency ?? 'EUR')}, so it is refused (422)`];
  }
  if (status === 429) {
    return [
      at === 'faults'
        ? 'too much was to go wrong on purpose, so it is refused (429)'
        : 'the API’s throttle refuses it (429)',
    ];
  }
  const why = title === undefined ? '' : `: ${title}`;
  return [status >= 500 ? `it fails (${status})${why}` : `it is refused (${status})${why}`];
}

function requested(fact: Fact, here: Context): number | undefined {
  return before(here, ({ kind, req }) => kind === 'sent' && req === fact.req)[0]?.amount;
}

/** That the client waits after a refusal, for as long as it was told or longer. */
function patienceAfter({ facts, i }: Context): Sentence | undefined {
  const fact = facts[i];
  if (fact?.status !== 409) {
    return undefined;
  }
  const refusal = facts.findLast(({ kind, req }, k) => k < i && kind === 'refused' && req === fact.req);
  const next = facts.slice(i + 1).find(({ kind }) => kind === 'sent');
  const wait = next === undefined ? 0 : next.t - fact.t;
  if (next?.why !== 'retry' || wait < 2_000) {
    return undefined;
  }
  const asked = refusal?.retryAfter;
  const waited = Math.round(wait / 1_000);
  const obedience =
    asked === undefined || wait < asked * 1_000 - 250
      ? ''
      : waited > asked
        ? ', no less than it was told'
        : ', as it was told';
  const sentKey = facts.findLast(({ kind, req }, k) => k < i && kind === 'sent' && req === fact.req)?.key;
  const keeps = sentKey !== undefined && sentKey === next.key ? ', and keeps the key' : '';
  return [`The client waits ${waited} s${obedience}${keeps}.`];
}

/** How a lane ended, in one sentence or two, and what is not as it should be. */
export function ending(lane: Lane, { scenario, protectedLane }: Telling): Sentence {
  const total = tally(lane.facts);
  const doubt = doubtOf(lane);
  const noun = counted(total.effects, effectNoun(scenario, 1));
  if (doubt === 'unreached') {
    return ['Nothing reached the API, so this says nothing about keys. Is it running?'];
  }
  if (doubt === 'unreadable') {
    return [`${counted(total.sent, 'request')}. The ledger could not be read, so what they did is not known.`];
  }
  if (lane.report?.kind === 'read' && doubt === 'disagrees') {
    return [
      `The page was told of ${lane.report.told}, the API says `,
      strong(lane.report.effects),
      '. The API is right.',
    ];
  }
  if (doubt === 'open') {
    return [
      lane.trouble === 'interrupted' ? 'The page was left in the middle' : 'Not all of it was answered',
      `. What became of the rest is open: the ledger has ${noun}.`,
    ];
  }
  const { tone } = judge(lane, protectedLane);
  const head: readonly Part[] = [
    `${counted(total.sent, 'request')}, ${counted(total.runs, 'execution')}, `,
    strong(noun, tone === 'luck' ? undefined : tone === 'good' ? 'good' : 'bad'),
    total.receipts === 0 ? '.' : `, ${counted(total.receipts, 'receipt')}.`,
  ];
  if (protectedLane && total.effects > 1) {
    return [
      `It happened ${howOften(total.effects)} `,
      strong('with a key. That should not happen.', 'bad'),
      ' Please report it.',
    ];
  }
  const back = turnedBack(total);
  const noRefusal = total.refused.size === 0;
  if (total.effects === 0 && total.sent === 0 && noRefusal && total.waiting + total.expired === 0) {
    return ['No request reached the API, so it ', strong('never happened', 'bad'), '.'];
  }
  if (total.effects === 0 && back > 0 && back >= total.sent + total.unreached) {
    const problem = lane.facts.find(({ kind }) => kind === 'refused');
    const why = problem === undefined ? '' : ` (${problem.status})${problem.title ? `: ${problem.title}` : ''}`;
    return [`No request was accepted${why}.`];
  }
  const tails = [
    back > 0 &&
      ` ${[...total.refused]
        .filter(([s]) => s !== 409 && s !== 422)
        .map(([status, count]) => `${count} never got there (${status})`)
        .join(', ')}`,
    total.unreached > 0 && back > total.unreached ? `, ${total.unreached} reached nobody` : '',
    total.effects === 0 && total.waiting > 0 && ' The client still has it in its outbox',
    total.effects <= 1 && total.expired > 0 && ' A person is asked',
  ].filter((tail) => typeof tail === 'string' && tail.trim() !== '');
  return tails.length === 0 ? head : [...head, `${tails.join('.')}.`];
}

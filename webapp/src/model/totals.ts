import type { Fact, Lane } from './facts.ts';

/** A sum of money. */
export interface Money {
  readonly amount: number;
  readonly currency: string;
}

/** What has come of a lane up to a moment. */
export interface Totals {
  /** Requests that left the browser and were not turned back by a network that is gone. */
  readonly sent: number;
  /** Requests that reached nobody. */
  readonly unreached: number;
  /** How often a handler ran. */
  readonly runs: number;
  /** Effects in the ledger, receipts aside. */
  readonly effects: number;
  /** What they cost, one sum per currency. */
  readonly sums: readonly Money[];
  /** Receipts that were sent. */
  readonly receipts: number;
  /** Requests that were given the recorded response. */
  readonly replayed: number;
  /** Of these, how many from the function's memory. */
  readonly fromMemory: number;
  /** Requests that were answered by the client alone. */
  readonly fromClient: number;
  /** Refusals by status. */
  readonly refused: ReadonlyMap<number, number>;
  /** Requests that are still under way: sent, and nothing came back. */
  readonly open: number;
  /** Requests whose end told nothing: a crash, a lost response, a server error. */
  readonly unanswered: number;
  /** Intents that a person has to look at. */
  readonly expired: number;
  /** Intents that wait in the client's outbox. */
  readonly waiting: number;
}

/** Adds a lane's facts up. @param until the moment, in the facts' milliseconds; default its end */
export function totals(facts: readonly Fact[], until = Number.POSITIVE_INFINITY): Totals {
  return tally(facts.filter(({ t }) => t <= until));
}

/** Adds up all facts given, whatever their times. */
export function tally(facts: readonly Fact[]): Totals {
  const requests = (...wanted: readonly Fact['kind'][]) =>
    new Set(facts.filter(({ kind }) => wanted.includes(kind)).map(({ req }) => req)).size;
  const count = (kind: Fact['kind']) => facts.filter((fact) => fact.kind === kind).length;
  const bounced = new Set(facts.filter(({ kind }) => kind === 'bounced').map(({ req }) => req));
  const sums = new Map<string, number>();
  for (const { kind, amount, currency } of facts) {
    if (kind === 'charged' && amount !== undefined && currency !== undefined) {
      sums.set(currency, (sums.get(currency) ?? 0) + amount);
    }
  }
  const refused = new Map<number, number>();
  for (const { kind, status = 0 } of facts) {
    if (kind === 'refused') {
      refused.set(status, (refused.get(status) ?? 0) + 1);
    }
  }
  const waiting = new Set<number | undefined>();
  for (const { kind, req } of facts) {
    if (kind === 'queued') {
      waiting.add(req);
    } else if (kind === 'answered' || kind === 'expired' || kind === 'shared') {
      waiting.delete(req);
    }
  }
  const sent = facts.filter(({ kind, req }) => kind === 'sent' && !bounced.has(req)).length;
  return {
    sent,
    unreached: bounced.size,
    runs: count('working'),
    effects: count('charged'),
    receipts: count('mailed'),
    sums: [...sums].map(([currency, amount]) => ({ amount, currency })),
    replayed: requests('replayed'),
    fromMemory: facts.filter(({ kind, by }) => kind === 'replayed' && by === 'memory').length,
    fromClient: requests('cached', 'shared'),
    refused,
    open: Math.max(0, count('sent') - count('answered')),
    unanswered: facts.filter(({ kind, source }) => kind === 'answered' && source === 'no-answer').length,
    expired: requests('expired'),
    waiting: waiting.size,
  };
}

/** Whether anything of a lane is known to have reached the API. */
export function reachedApi({ facts }: Pick<Lane, 'facts'>): boolean {
  return facts.some(({ kind, from, status }) => from === 'server' || (kind === 'answered' && status !== undefined));
}

/** What is behind the key. */
export interface RecordState {
  readonly status: 'free' | 'in-progress' | 'completed' | 'forgotten';
  /** The request that claimed the key. */
  readonly owner?: number;
  /** When this state began, in the facts' milliseconds. */
  readonly since: number;
  /** Of one in progress: how long the lease is, and what is left of it, in milliseconds, if that is known. */
  readonly leaseMs?: number;
  readonly leaseLeft?: number;
  /** Of one in progress: whether its owner has died. */
  readonly dead?: boolean;
  /** Of a completed one: the size of the kept response, if that is known. */
  readonly bytes?: number;
  readonly httpStatus?: number;
  /** Whether the latest request asked for another payload. */
  readonly mismatch?: boolean;
}

/** The record behind the key. @param facts those that have happened @param t the moment, for the lease */
export function recordAt(facts: readonly Fact[], t: number): RecordState {
  let state: RecordState = { status: 'free', since: 0 };
  for (const fact of facts) {
    const { kind, req, bytes } = fact;
    const owner = req === undefined ? {} : { owner: req };
    switch (kind) {
      case 'claimed':
      case 'taken':
        state = {
          status: 'in-progress',
          ...owner,
          since: fact.t,
          ...(fact.leaseMs !== undefined && { leaseMs: fact.leaseMs }),
        };
        break;
      case 'completed':
        state = { status: 'completed', ...owner, since: fact.t, ...(bytes !== undefined && { bytes }) };
        break;
      case 'charged':
        if (fact.atomic) {
          state = { status: 'completed', ...owner, since: fact.t, ...(bytes !== undefined && { bytes }) };
        }
        break;
      case 'crashed':
        if (state.status === 'in-progress' && state.owner === req) {
          state = { ...state, dead: true };
        }
        break;
      case 'forgot':
        state = { status: 'forgotten', since: fact.t };
        break;
      case 'refused':
        state = { ...state, mismatch: fact.status === 422 && fact.at === 'record' };
        break;
      case 'answered':
        if (state.status === 'completed' && state.owner === req && fact.status !== undefined && fact.status < 500) {
          state = { ...state, httpStatus: fact.status };
        }
        break;
      default:
    }
  }
  return state.leaseMs === undefined
    ? state
    : { ...state, leaseLeft: Math.max(0, state.leaseMs - Math.max(0, t - state.since)) };
}

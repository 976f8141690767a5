import type { Verdict } from './verdict.ts';

/** Everything that can be known about a lane, in the order in which facts of one moment follow each other. */
export const kinds = [
  'unplugged',
  'reloaded',
  'plugged',
  'pressed',
  'written',
  'queued',
  'restored',
  'joined',
  'sent',
  'claimed',
  'taken',
  'held',
  'working',
  'recalled',
  'charged',
  'mailed',
  'reconciled',
  'completed',
  'replayed',
  'refused',
  'crashed',
  'lost',
  'bounced',
  'answered',
  'cached',
  'shared',
  'expired',
  'forgot',
  'silence',
] as const;

/** The kind of a fact. */
export type Kind = (typeof kinds)[number];

/** Why a request was sent. */
export const reasons = ['first', 'copy', 'click', 'retry', 'impatient', 'outbox', 'tab', 'bug'] as const;

/** Why a request was sent. */
export type Why = (typeof reasons)[number];

/** Who knows a fact: the client in this browser, the API, or the page that acts the scenario out. */
export type From = 'client' | 'server' | 'page';

/** What a call asked of the table of records. Units are DynamoDB's: a small read or write is one or half of one. */
export interface Cost {
  readonly roundTrips: number;
  readonly readUnits: number;
  readonly writeUnits: number;
}

/** Something that happened in a lane, and when. Members other than the first three belong to some kinds only. */
export interface Fact {
  /** Milliseconds since the lane's first press, by the browser's clock. */
  readonly t: number;
  readonly kind: Kind;
  readonly from: From;
  /** The request that it happened to, counted from 1 in each lane. Absent if it concerns the whole lane. */
  readonly req?: number;
  /** Of `pressed` and `sent`. */
  readonly why?: Why;
  /** Of `sent`, `written` and the like: the first four characters of the idempotency key. Absent without a key. */
  readonly key?: string;
  /** Of `charged`: minor units, for effects that have a price. Of `sent`: the amount that is asked for. */
  readonly amount?: number;
  readonly currency?: string;
  /** Of `sent`: whether a receipt is asked for, which is a second effect. */
  readonly receipt?: boolean;
  /** Of `charged`: whether effect and record were one transaction. */
  readonly atomic?: boolean;
  /** Of `claimed` and `taken`: how long the lease is, in milliseconds, if that was read. */
  readonly leaseMs?: number;
  /** Of `completed` and atomic effects: the size of the kept response in bytes, if that was read. */
  readonly bytes?: number;
  /** Of `replayed`: whether the record or the function's memory had it. */
  readonly by?: 'record' | 'memory';
  /** Of `replayed`: whether its bytes were compared with the first response and are the same. */
  readonly same?: boolean;
  /** Of `refused` and `answered`: the HTTP status. */
  readonly status?: number;
  /** Of `refused`: seconds until it may be tried again. */
  readonly retryAfter?: number;
  /** Of `refused`: who refused it. `faults` is the limit on what may go wrong on purpose. */
  readonly at?: 'api' | 'function' | 'record' | 'faults';
  /** Of `refused`: the problem's title, as the API worded it. Never part of a shared link. */
  readonly title?: string;
  /** Of the last fact of a call: what the call asked of the table of records, if the function wrote that down. */
  readonly cost?: Cost;
  /** Of `answered`: what became of the request. */
  readonly source?: Verdict;
  /** Of `reloaded`: the requests that nothing remembers. */
  readonly dies?: readonly number[];
  /** Of `forgot`: how long the window was, in milliseconds. */
  readonly windowMs?: number;
}

/** What the API says about a lane, once the lane has ended. */
export type Report =
  | {
      readonly kind: 'read';
      readonly executions: number;
      readonly effects: number;
      /** Whether the page's own count of what it was told agrees with the API's. */
      readonly agrees: boolean;
      /** How many effects the page was told about. */
      readonly told: number;
    }
  | { readonly kind: 'unreadable' };

/** One of the two ways of a scenario, as far as it has been played. */
export interface Lane {
  readonly keyed: boolean;
  /** In order: see {@link inOrder}. */
  readonly facts: readonly Fact[];
  /** Whether nothing more is expected to happen. */
  readonly ended: boolean;
  /** Absent while that was not asked yet. */
  readonly report?: Report;
  /** Whether the server's times agree with this browser's clock. False: their order alone is known. Default true. */
  readonly fitted?: boolean;
  /** What kept the lane from being played to its end. */
  readonly trouble?: 'interrupted' | 'popup-blocked' | 'timed-out';
}

/** A scenario that was played both ways. */
export interface Run {
  readonly v: 1;
  /** The scenario's id. */
  readonly scenario: string;
  /** How many copies were asked for, in scenarios that leave the choice. */
  readonly count: number;
  /** When it began, in epoch milliseconds. */
  readonly at: number;
  readonly lanes: readonly [Lane, Lane];
}

const rank: Readonly<Record<Kind, number>> = Object.fromEntries(kinds.map((kind, i) => [kind, i])) as Record<
  Kind,
  number
>;

/** The facts in the order in which they happened. Facts of one moment keep to the order of {@link kinds}. */
export function inOrder(facts: readonly Fact[]): readonly Fact[] {
  return [...facts].sort((a, b) => a.t - b.t || rank[a.kind] - rank[b.kind] || (a.req ?? 0) - (b.req ?? 0));
}

/** A lane in which nothing has happened yet. */
export function emptyLane(keyed: boolean): Lane {
  return { keyed, facts: [], ended: false };
}

/** The numbers of a lane's requests, in order: those that facts speak of, and at least the first `expected`. */
export function requestsOf(facts: readonly Fact[], expected = 1): readonly number[] {
  const numbers = new Set(Array.from({ length: expected }, (_, i) => i + 1));
  for (const { req } of facts) {
    if (req !== undefined) {
      numbers.add(req);
    }
  }
  return [...numbers].sort((a, b) => a - b);
}

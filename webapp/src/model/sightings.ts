import type { Fact, Why } from './facts.ts';

/** A request that left, as the browser saw it. Times are milliseconds since the lane's first press. */
export interface Sent {
  readonly kind: 'sent';
  readonly t: number;
  readonly req: number;
  readonly why: Why;
  /** As the API's ledger names it. */
  readonly operation: string;
  /** The whole idempotency key; absent without one. */
  readonly key?: string;
  /** What the API knows the key by. */
  readonly keyHash?: string;
  readonly amount?: number;
  readonly currency?: string;
  /** Whether a receipt is asked for. */
  readonly receipt?: boolean;
  /** What the request asked to go wrong. */
  readonly fault?: string;
}

/** What came back for a request. */
export interface Answered {
  readonly kind: 'answered';
  readonly t: number;
  readonly req: number;
  /** Absent if no response came. */
  readonly status?: number;
  /** Whether the response says that it is a recorded one. */
  readonly replayed?: boolean;
  /** The id of what the request created. */
  readonly resource?: string;
  /** Tells bodies apart. */
  readonly digest?: string;
  /** A problem's type and title. */
  readonly type?: string;
  readonly title?: string;
  /** In seconds. */
  readonly retryAfter?: number;
}

/** A reading of the key's record. Other times than `t` are epoch milliseconds of the server's clock. */
export interface RecordReading {
  readonly kind: 'record';
  readonly t: number;
  readonly status: 'INPROGRESS' | 'COMPLETED' | 'gone';
  readonly owner?: string;
  readonly fingerprint?: string;
  readonly leaseUntil?: number;
  readonly expiresAt?: number;
  readonly size?: number;
}

/** Something that this browser saw. What only the page or the client can know is a fact already. */
export type Sighting = Sent | Answered | RecordReading | (Fact & { readonly kind: OwnKind });

/** The kinds of facts that need nobody else's word. */
export type OwnKind =
  | 'pressed'
  | 'written'
  | 'queued'
  | 'restored'
  | 'joined'
  | 'cached'
  | 'shared'
  | 'expired'
  | 'unplugged'
  | 'plugged'
  | 'reloaded'
  | 'silence';

/** A request and what came back for it. */
export interface Request {
  readonly sent: Sent;
  readonly answer?: Answered;
}

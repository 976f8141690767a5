import { isProblem, type Problem, type ServerSource, type Source } from 'idempotent-requests';

/** An operation that can be asked for, by the name under which the API uses its keys. */
export type Operation = 'customers.create' | 'payments.create' | 'orders.create';

/** How a submission ended. */
export type Outcome =
  | {
      readonly kind: 'done';
      readonly source: Exclude<Source, 'queued'>;
      readonly status: number;
      readonly resource?: string;
    }
  | { readonly kind: 'refused'; readonly source: ServerSource; readonly problem: Problem }
  | { readonly kind: 'queued'; readonly message: string }
  | { readonly kind: 'expired'; readonly message: string }
  | { readonly kind: 'unanswered'; readonly message: string }
  | { readonly kind: 'unsent'; readonly message: string };

/** An outcome and what it took. */
export interface Settlement {
  readonly outcome: Outcome;
  /** Requests that left. */
  readonly attempts: number;
  /** From the press to the end, waits included, in milliseconds. */
  readonly latencyMs: number;
}

/** One HTTP request, as the browser saw it. Moments are epoch milliseconds. */
export interface Attempt {
  readonly startedAt: number;
  /** When the last byte of the answer was there, or its loss was noticed. Absent while under way. */
  readonly endedAt?: number;
  readonly verdict: Verdict;
  readonly status?: number;
  /** When the client means to make the next one. */
  readonly retryAt?: number;
}

/** One press of a button, by a person or by a scenario, and what came of it. */
export interface Submission {
  readonly id: string;
  /** Counts up from 1 in each session. */
  readonly number: number;
  readonly operation: Operation;
  /** Absolute. */
  readonly url: string;
  readonly body: unknown;
  /** The idempotency key; absent where the guard was off. */
  readonly key?: string;
  /** What the server knows the key by. */
  readonly keyHash?: string;
  /** The client's fingerprint of what is asked for, where an earlier intent that asks for the same may answer it. */
  readonly fingerprint?: string;
  /** Whether it went through the session's client, which has it written down and carries it on. */
  readonly kept?: boolean;
  /** Whether the second tab of a scenario pressed. */
  readonly secondTab?: boolean;
  /** Whether it repeats an earlier submission. */
  readonly repeats: boolean;
  /** The scenario's run that it belongs to; absent where a person pressed. */
  readonly run?: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Oldest first. */
  readonly attempts: readonly Attempt[];
  /** Absent while under way. */
  readonly settlement?: Settlement;
}

/** What a request came to, in one word: what the page shows it by. */
export type Verdict =
  | 'pending'
  | 'executed'
  | 'executed-again'
  | 'server-replay'
  | 'client-cache'
  | 'queued'
  | 'in-progress'
  | 'mismatch'
  | 'refused'
  | 'failed'
  | 'no-answer'
  | 'not-sent'
  | 'expired';

/** All of them, in the order in which they are listed. */
export const verdicts: readonly Verdict[] = [
  'executed',
  'executed-again',
  'server-replay',
  'client-cache',
  'queued',
  'in-progress',
  'mismatch',
  'refused',
  'failed',
  'no-answer',
  'not-sent',
  'expired',
  'pending',
];

const labels: Readonly<Record<Verdict, string>> = {
  pending: 'Sending',
  executed: 'Executed',
  'executed-again': 'Executed again',
  'server-replay': 'Server replay',
  'client-cache': 'Client cache',
  queued: 'Queued',
  'in-progress': 'In progress',
  mismatch: 'Mismatch',
  refused: 'Refused',
  failed: 'Failed',
  'no-answer': 'No answer',
  'not-sent': 'Not sent',
  expired: 'Window passed',
};

/** The verdict as people read it, never by colour alone. */
export function verdictLabel(verdict: Verdict): string {
  return labels[verdict];
}

/** What a submission has come to so far. */
export function verdictOf({ settlement, key, repeats }: Pick<Submission, 'settlement' | 'key' | 'repeats'>): Verdict {
  switch (settlement?.outcome.kind) {
    case undefined:
      return 'pending';
    case 'done':
      // Without a key a duplicate is executed like anything else: that is the harm that it does.
      return settlement.outcome.source === 'executed' && repeats && key === undefined
        ? 'executed-again'
        : settlement.outcome.source;
    case 'refused':
      return problemVerdict(settlement.outcome.problem);
    case 'queued':
    case 'expired':
      return settlement.outcome.kind;
    case 'unanswered':
      return 'no-answer';
    case 'unsent':
      return 'not-sent';
  }
}

/** Whether nothing more will become of it by itself. */
export function isSettled({ settlement }: Pick<Submission, 'settlement'>): boolean {
  return settlement !== undefined && settlement.outcome.kind !== 'queued';
}

/** What an error answer says. */
export function problemVerdict(problem: Problem): Verdict {
  if (isProblem(problem, 'in-progress')) {
    return 'in-progress';
  }
  if (isProblem(problem, 'payload-mismatch')) {
    return 'mismatch';
  }
  return problem.status >= 500 ? 'failed' : 'refused';
}

/** The HTTP status, where there was an answer. */
export function statusOf({ settlement }: Pick<Submission, 'settlement'>): number | undefined {
  switch (settlement?.outcome.kind) {
    case 'done':
      return settlement.outcome.status;
    case 'refused':
      return settlement.outcome.problem.status;
    default:
      return undefined;
  }
}

/** Messages by the name of the field that they are about. */
export type FieldErrors = Readonly<Record<string, string>>;

/** The `errors` member of a problem document: `[{"field": "amount", "detail": "must be …"}, …]`. */
export function fieldErrors(problem: Problem | undefined): FieldErrors {
  const errors = problem?.errors;
  if (!Array.isArray(errors)) {
    return {};
  }
  return Object.fromEntries(
    errors
      .filter((error) => typeof error?.field === 'string' && typeof error?.detail === 'string')
      .map(({ field, detail }) => [field, detail]),
  );
}

/** Why there is no success, in a sentence. */
export function reasonOf(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case 'done':
      return undefined;
    case 'refused':
      return outcome.problem.detail ?? outcome.problem.title;
    default:
      return outcome.message;
  }
}

import { isProblem, type Problem, type Source } from '../idempotency/index.ts';

/** An operation that can be asked for, by the name under which the API uses its keys. */
export type Operation = 'customers.create' | 'payments.create' | 'orders.create';

/** How a submission ended. */
export type Outcome =
  | { readonly kind: 'done'; readonly source: Source; readonly status: number; readonly resource?: string }
  | { readonly kind: 'refused'; readonly source: Source; readonly problem: Problem }
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
  /** The fault that it asked for. */
  readonly fault?: string;
  /** The earliest moment of the next one, where the server named one. */
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
  | 'server-replay'
  | 'client-cache'
  | 'queued'
  | 'in-progress'
  | 'mismatch'
  | 'refused'
  | 'failed'
  | 'no-answer'
  | 'not-sent';

/** All of them, in the order in which they are listed. */
export const verdicts: readonly Verdict[] = [
  'executed',
  'server-replay',
  'client-cache',
  'queued',
  'in-progress',
  'mismatch',
  'refused',
  'failed',
  'no-answer',
  'not-sent',
  'pending',
];

const labels: Readonly<Record<Verdict, string>> = {
  pending: 'Sending',
  executed: 'Executed',
  'server-replay': 'Server replay',
  'client-cache': 'Client cache',
  queued: 'Queued',
  'in-progress': 'In progress',
  mismatch: 'Mismatch',
  refused: 'Refused',
  failed: 'Failed',
  'no-answer': 'No answer',
  'not-sent': 'Not sent',
};

/** The verdict as people read it, never by colour alone. */
export function verdictLabel(verdict: Verdict): string {
  return labels[verdict];
}

/** What a submission has come to so far. */
export function verdictOf({ settlement }: Pick<Submission, 'settlement'>): Verdict {
  switch (settlement?.outcome.kind) {
    case undefined:
      return 'pending';
    case 'done':
      return settlement.outcome.source;
    case 'refused':
      return problemVerdict(settlement.outcome.problem);
    case 'unanswered':
      return 'no-answer';
    case 'unsent':
      return 'not-sent';
  }
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
export function fieldErrors(outcome: Outcome | undefined): FieldErrors {
  const errors = outcome?.kind === 'refused' ? outcome.problem.errors : undefined;
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

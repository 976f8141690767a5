import type { Problem, Source } from '../../idempotency/index.ts';
import type { Payment, PaymentRequest } from './payment.ts';

/** How a submission ended. */
export type Outcome =
  | { readonly kind: 'paid'; readonly source: Source; readonly status: number; readonly payment: Payment }
  | { readonly kind: 'refused'; readonly source: Source; readonly problem: Problem }
  | { readonly kind: 'unanswered'; readonly message: string }
  | { readonly kind: 'unsent'; readonly message: string };

/** An outcome and what it took. */
export interface Settlement {
  readonly outcome: Outcome;
  readonly attempts: number;
  readonly latencyMs: number;
}

/** One press of a button, and what came of it. */
export interface Submission {
  /** Counts up from 1. */
  readonly id: number;
  readonly payment: PaymentRequest;
  /** The idempotency key; absent where the guard was off. */
  readonly key?: string;
  /** Whether it repeats an earlier submission. */
  readonly repeats: boolean;
  readonly at: Date;
  /** Absent while under way. */
  readonly settlement?: Settlement;
}

/** Messages by the name of the field that they are about. */
export type FieldErrors = Readonly<Record<string, string>>;

/** The `errors` member of a problem document: `[{"field": "amount", "detail": "must be …"}, …]`. */
export function fieldErrors(outcome: Outcome): FieldErrors {
  const errors = outcome.kind === 'refused' ? outcome.problem.errors : undefined;
  if (!Array.isArray(errors)) {
    return {};
  }
  return Object.fromEntries(
    errors
      .filter((error) => typeof error?.field === 'string' && typeof error?.detail === 'string')
      .map(({ field, detail }) => [field, detail]),
  );
}

/** The outcome in a few words, never by colour alone. */
export function outcomeLabel(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'paid':
      return outcome.source === 'server-replay' ? 'Server replay' : 'Executed';
    case 'refused':
      return 'Refused';
    case 'unanswered':
      return 'No answer';
    case 'unsent':
      return 'Not sent';
  }
}

/** The HTTP status, where there was an answer. */
export function outcomeStatus(outcome: Outcome): number | undefined {
  switch (outcome.kind) {
    case 'paid':
      return outcome.status;
    case 'refused':
      return outcome.problem.status;
    default:
      return undefined;
  }
}

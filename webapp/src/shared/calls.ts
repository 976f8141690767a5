import { type QueryClient, useQuery } from '@tanstack/react-query';
import { useApi } from './api-context.ts';
import type { Attempt, Submission, Verdict } from './submission.ts';

/** One call of an idempotent operation, as the function that ran it wrote it down. */
export interface Call {
  readonly id: string;
  readonly operation: string;
  /** `executed`, `replayed`, `in_progress`, `payload_mismatch`, … */
  readonly outcome: string;
  /** What it asked of the table of idempotency records. */
  readonly cost: { readonly roundTrips: number; readonly readUnits: number; readonly writeUnits: number };
  readonly durationMs: number;
  /** When it ended, by the server's clock. */
  readonly at: string;
}

/** How far the server's clock may be from the browser's, in milliseconds. Beyond that, calls are left out. */
const skew = 250;

const queryKey = 'calls';

/** The session's latest calls, newest first; none where the API doesn't write them down. */
export function useCalls(): readonly Call[] {
  const api = useApi();
  const { data } = useQuery({
    queryKey: [queryKey, api.sessionId],
    queryFn: ({ signal }) => api.get<{ calls?: unknown }>('/calls', signal),
    select: ({ calls }) => (Array.isArray(calls) ? calls.filter(isCall) : []),
    retry: false,
  });
  return data ?? [];
}

/** Call when something may have happened. */
export function refreshCalls(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: [queryKey] });
}

function isCall(value: Partial<Call> | null): value is Call {
  return (
    typeof value?.id === 'string' &&
    typeof value.outcome === 'string' &&
    typeof value.at === 'string' &&
    typeof value.durationMs === 'number' &&
    typeof value.cost?.roundTrips === 'number'
  );
}

/** The server's word for how a call ended, by the browser's for its request. A lost answer may hide any. */
const outcomes: Partial<Record<Verdict, string>> = {
  executed: 'executed',
  'server-replay': 'replayed',
  'in-progress': 'in_progress',
  mismatch: 'payload_mismatch',
};

/**
 * Finds each request's call: of the same operation, with the same outcome, while the request was under way. The API
 * doesn't say which call was whose, but calls that agree in all of that look the same in the drawing.
 */
export function matchCalls(submissions: readonly Submission[], calls: readonly Call[]): ReadonlyMap<Attempt, Call> {
  const free = calls
    .map((call) => ({ call, at: Date.parse(call.at) }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => a.at - b.at);
  const requests = submissions
    .filter(({ key }) => key !== undefined)
    .flatMap(({ operation, attempts }) => attempts.map((attempt) => ({ operation, attempt })))
    .filter(({ attempt }) => attempt.endedAt !== undefined)
    // Whose outcome is known chooses first; then whose answer came first.
    .sort(
      (a, b) =>
        Number(lost(a.attempt)) - Number(lost(b.attempt)) || (a.attempt.endedAt ?? 0) - (b.attempt.endedAt ?? 0),
    );
  const found = new Map<Attempt, Call>();
  for (const { operation, attempt } of requests) {
    const index = free.findIndex(
      ({ call, at }) =>
        call.operation === operation &&
        (lost(attempt) || call.outcome === outcomes[attempt.verdict]) &&
        at >= attempt.startedAt - skew &&
        at <= (attempt.endedAt ?? 0) + skew,
    );
    const [match] = index < 0 ? [] : free.splice(index, 1);
    if (match !== undefined) {
      found.set(attempt, match.call);
    }
  }
  return found;
}

function lost({ verdict }: Attempt): boolean {
  return verdict === 'failed' || verdict === 'no-answer';
}

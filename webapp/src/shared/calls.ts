import { type QueryClient, useQuery } from '@tanstack/react-query';
import { useApi } from './api-context.ts';
import type { Attempt, Submission, Verdict } from './submission.ts';

/** One call of an idempotent operation, as the function that ran it wrote it down. */
export interface Call {
  readonly id: string;
  readonly operation: string;
  /** What the server knows the idempotency key by. */
  readonly keyHash: string;
  /** `executed`, `replayed`, `in_progress`, `payload_mismatch`, … */
  readonly outcome: string;
  /** What it asked of the table of idempotency records. */
  readonly cost: { readonly roundTrips: number; readonly readUnits: number; readonly writeUnits: number };
  readonly durationMs: number;
  /** When it ended, by the server's clock. */
  readonly at: string;
}

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
    typeof value.keyHash === 'string' &&
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
 * Finds each request's call: of the same operation, under the same key, with the same outcome. Where there are several,
 * the one nearest in time; those look the same in the drawing.
 */
export function matchCalls(submissions: readonly Submission[], calls: readonly Call[]): ReadonlyMap<Attempt, Call> {
  const free = new Map<string, (Call & { readonly time: number })[]>();
  for (const call of calls) {
    const time = Date.parse(call.at);
    const name = nameOf(call.operation, call.keyHash);
    if (!Number.isNaN(time)) {
      free.set(name, [...(free.get(name) ?? []), { ...call, time }]);
    }
  }
  const found = new Map<Attempt, Call>();
  const requests = submissions
    .flatMap(({ operation, keyHash, attempts }) =>
      attempts.map((attempt) => ({ attempt, candidates: free.get(nameOf(operation, keyHash)) ?? [] })),
    )
    .filter(({ attempt }) => attempt.endedAt !== undefined)
    // Whose outcome is known chooses first; then the newest, because the oldest calls may not be listed any more.
    .sort(
      (a, b) =>
        Number(lost(a.attempt)) - Number(lost(b.attempt)) || (b.attempt.endedAt ?? 0) - (a.attempt.endedAt ?? 0),
    );
  for (const { attempt, candidates } of requests) {
    const distance = ({ time }: { time: number }) => Math.abs(time - (attempt.endedAt ?? time));
    const [nearest] = candidates
      .filter(({ outcome }) => lost(attempt) || outcome === outcomes[attempt.verdict])
      .sort((a, b) => distance(a) - distance(b));
    if (nearest !== undefined) {
      candidates.splice(candidates.indexOf(nearest), 1);
      found.set(attempt, nearest);
    }
  }
  return found;
}

function nameOf(operation: string, keyHash: string | undefined): string {
  return `${operation}#${keyHash}`;
}

function lost({ verdict }: Attempt): boolean {
  return verdict === 'failed' || verdict === 'no-answer';
}

import { type QueryClient, useQuery } from '@tanstack/react-query';
import { ApiError } from '../../shared/api.ts';
import { useApi } from '../../shared/api-context.ts';
import { type Attempt, type Submission, verdictOf } from '../../shared/submission.ts';

/** What the server keeps of a key. */
export interface IdempotencyRecord {
  readonly id: string;
  /** `INPROGRESS` or `COMPLETED`. */
  readonly status: string;
  /** The execution that claimed the key. */
  readonly owner: string;
  /** SHA-256 of what was asked for. */
  readonly fingerprint: string;
  /** When an execution in progress may be taken over. */
  readonly leaseExpiresAt?: string;
  readonly expiresAt: string;
  /** Of the recorded response, in bytes. */
  readonly size: number;
}

const queryKey = 'record';

/** The record behind a submission. Null where there is none; undefined while that is not known. */
export function useRecord(submission: Submission) {
  const { operation, key, settlement } = submission;
  const api = useApi();
  return useQuery({
    queryKey: [queryKey, api.sessionId, operation, key],
    enabled: key !== undefined && mayHaveRecord(submission),
    // While it is under way the record changes without the page's doing.
    refetchInterval: settlement === undefined ? 1_000 : false,
    retry: false,
    queryFn: async ({ signal }) => {
      try {
        return await api.get<IdempotencyRecord>(
          `/idempotency-records/${operation}/${encodeURIComponent(key ?? '')}`,
          signal,
        );
      } catch (error) {
        if (error instanceof ApiError && error.problem.status === 404) {
          return null;
        }
        throw error;
      }
    },
  });
}

/** Call when something may have happened. */
export function refreshRecord(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: [queryKey] });
}

/** The refusals that are outcomes of an operation, and recorded like its successes. */
const recorded = [402, 409, 410];

/** Whether there may be a record: where a request left one, or the client has an answer that somebody's request got. */
export function mayHaveRecord(submission: Submission): boolean {
  return verdictOf(submission) === 'client-cache' || submission.attempts.some(leavesRecord);
}

/** Whether a request has, or may have, left a record. One that was refused at the door has not. */
function leavesRecord({ endedAt, verdict, status = 0 }: Attempt): boolean {
  return endedAt !== undefined && verdict !== 'not-sent' && (verdict !== 'refused' || recorded.includes(status));
}

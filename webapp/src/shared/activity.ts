import { type QueryClient, useQuery } from '@tanstack/react-query';
import { useApi } from './api-context.ts';

/** What the API says has happened in this session, whatever the page believes. */
export interface Activity {
  /** Newest first. */
  readonly executions: readonly Execution[];
  /** Newest first. */
  readonly effects: readonly Effect[];
  readonly executionCount: number;
  readonly effectCount: number;
  /** Whether there is more than is listed and counted. */
  readonly truncated: boolean;
}

/** One run of a handler. */
export interface Execution {
  readonly id: string;
  readonly operation: string;
  readonly keyHash?: string;
  readonly at: string;
}

/** One thing done to the world. */
export interface Effect {
  readonly id: string;
  /** `charge`, `customer`, `order`, … */
  readonly kind: string;
  readonly operation: string;
  /** The id of the resource that it belongs to. */
  readonly resource: string;
  /** By kind. Of a charge: amount (minor units), currency and reference; of an order: sku and quantity. */
  readonly detail?: unknown;
  readonly at: string;
}

const queryKey = 'activity';

/** The session's activity, read again whenever `refreshActivity` says so or the window comes back into focus. */
export function useActivity() {
  const api = useApi();
  return useQuery({
    queryKey: [queryKey, api.sessionId],
    queryFn: ({ signal }) => api.get<Activity>('/executions', signal),
  });
}

/** Call when something may have happened. */
export function refreshActivity(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: [queryKey] });
}

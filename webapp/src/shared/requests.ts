import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Sending, Sent } from './send.ts';
import type { Submission } from './submission.ts';
import type { SubmissionLog } from './submission-log.ts';

/** What was asked in this session, and the way to ask for more. */
export interface Requests {
  readonly log: SubmissionLog;
  /** Resolves once it has ended, however. Never rejects. */
  readonly send: (sending: Sending) => Promise<Sent>;
}

const RequestsContext = createContext<Requests | undefined>(undefined);

/** Gives the session's requests to everything below. */
export const RequestsProvider = RequestsContext.Provider;

/** The session's requests. @throws Error outside a `RequestsProvider` */
export function useRequests(): Requests {
  const requests = useContext(RequestsContext);
  if (requests === undefined) {
    throw new Error('useRequests needs a RequestsProvider above it');
  }
  return requests;
}

/** The submissions of this session, newest first. */
export function useSubmissions(): readonly Submission[] {
  const { log } = useRequests();
  return useSyncExternalStore(log.subscribe, log.get);
}

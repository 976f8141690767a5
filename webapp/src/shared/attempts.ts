import type { Client, ResponseEvent } from 'idempotent-requests';
import { type Attempt, problemVerdict } from './submission.ts';
import type { SubmissionLog } from './submission-log.ts';

/** Epoch milliseconds, finer than `Date.now()`. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Writes the requests that a client makes down, at the submissions that they are made for.
 *
 * @param ownerOf the id of the submission that a key's requests belong to
 * @param online whether there is a network; where there is none, a request does not leave
 * @returns the way to stop it
 */
export function recordAttempts(
  client: Pick<Client, 'subscribe'>,
  log: SubmissionLog,
  ownerOf: (key: string) => string | undefined,
  online: () => boolean,
): () => void {
  /** Where each request that is under way was written down, by its id. */
  const open = new Map<number, { readonly owner: string; readonly startedAt: number; readonly left: boolean }>();
  return client.subscribe((event) => {
    if (event.type === 'attempt') {
      const owner = ownerOf(event.key);
      if (owner !== undefined) {
        const startedAt = preciseNow();
        open.set(event.id, { owner, startedAt, left: online() });
        log.update(owner, ({ attempts }) => ({ attempts: [...attempts, { startedAt, verdict: 'pending' }] }));
      }
    }
    if (event.type === 'response') {
      const begun = open.get(event.id);
      open.delete(event.id);
      if (begun !== undefined) {
        const ended: Attempt = {
          startedAt: begun.startedAt,
          ...ending(event),
          ...(!begun.left && { verdict: 'not-sent' }),
        };
        log.update(begun.owner, ({ attempts }) => ({
          attempts: attempts.map((one) => (one.startedAt === begun.startedAt ? ended : one)),
        }));
      }
    }
  });
}

/** How a request ended. */
function ending({ status, source, problem, retryInMs }: ResponseEvent): Omit<Attempt, 'startedAt'> {
  const endedAt = preciseNow();
  return {
    endedAt,
    verdict: problem ? problemVerdict(problem) : (source ?? 'no-answer'),
    ...(status !== undefined && { status }),
    ...(retryInMs !== undefined && { retryAt: endedAt + retryInMs }),
  };
}

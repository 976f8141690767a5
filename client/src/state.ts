/**
 * How far an intent has come.
 *
 * - `draft`: made, and held by its caller alone
 * - `pending`: written down; nothing has left
 * - `in-flight`: a request may have left
 * - `queued`: there is no final response yet; the outbox sends it again
 * - `blocked`: waits for the application: to be signed in, or to decide about an intent that it was to follow
 * - `succeeded`: there is a response, and it is a success
 * - `failed`: the response is a refusal that asking again at once does not change
 * - `expired`: the window passed before a response came; whether it was executed, a person has to find out
 */
export type State = 'draft' | 'pending' | 'in-flight' | 'queued' | 'blocked' | 'succeeded' | 'failed' | 'expired';

const unfinished: readonly State[] = ['pending', 'in-flight', 'queued', 'blocked'];
const open: readonly State[] = ['in-flight', 'queued', 'blocked', 'expired'];

const successors: Readonly<Record<State, readonly State[]>> = {
  draft: ['pending'],
  pending: open,
  'in-flight': [...open, 'succeeded', 'failed'],
  queued: open,
  blocked: open,
  succeeded: [],
  failed: ['in-flight', 'queued', 'expired'],
  expired: [],
};

/**
 * Reports whether one state may follow another. `in-flight` follows itself if a page died and another resumes;
 * `queued` and `blocked` do if an attempt changed nothing.
 */
export function mayFollow(from: State, to: State): boolean {
  return successors[from].includes(to);
}

/** Reports whether an intent in this state still wants a response, so that it must neither go nor be made anew. */
export function isUnfinished(state: State): boolean {
  return unfinished.includes(state);
}

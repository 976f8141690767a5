/**
 * How far an intent has come.
 *
 * - `draft`: made, held by its caller alone, not submitted
 * - `pending`: written down; nothing has left
 * - `in-flight`: a request may have left
 * - `queued`: no final answer yet and none being asked for; the outbox sends it again
 * - `succeeded`: answered, and the answer kept
 * - `failed`: refused, with an answer that asking again at once would not change
 * - `expired`: the window passed before an answer came; whether it was executed, a person has to find out
 */
export type State = 'draft' | 'pending' | 'in-flight' | 'queued' | 'succeeded' | 'failed' | 'expired';

const successors: Readonly<Record<State, readonly State[]>> = {
  draft: ['pending'],
  pending: ['in-flight', 'queued', 'expired'],
  'in-flight': ['in-flight', 'queued', 'succeeded', 'failed', 'expired'],
  queued: ['queued', 'in-flight', 'expired'],
  succeeded: [],
  failed: ['in-flight', 'queued', 'expired'],
  expired: [],
};

/** Whether the state may follow. `in-flight` follows itself where a page died in mid-flight and another resumes. */
export function mayFollow(from: State, to: State): boolean {
  return successors[from].includes(to);
}

/** Whether an intent in this state still wants an answer, so that it must neither be forgotten nor made anew. */
export function isUnfinished(state: State): boolean {
  return state === 'pending' || state === 'in-flight' || state === 'queued';
}

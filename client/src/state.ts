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

/** The state of an intent that is written down. */
export type StoredState = Exclude<State, 'draft'>;

const unfinished: readonly State[] = ['pending', 'in-flight', 'queued', 'blocked'];
const open: readonly StoredState[] = ['in-flight', 'queued', 'blocked', 'expired'];

/** What may follow each state of an intent that is written down. A draft becomes `pending` by that. */
const successors: Readonly<Record<StoredState, readonly StoredState[]>> = {
  pending: open,
  'in-flight': [...open, 'succeeded', 'failed'],
  queued: open,
  blocked: open,
  succeeded: [],
  failed: open,
  expired: [],
};

/**
 * Reports whether one state may follow another. `in-flight` follows itself if a page died and another resumes;
 * `queued` and `blocked` do if an attempt changed nothing.
 */
export const mayFollow = (from: StoredState, to: StoredState): boolean => successors[from].includes(to);

/** Reports whether a text is the state of an intent that is written down. */
export function isStoredState(text: string): text is StoredState {
  return Object.keys(successors).includes(text);
}

/** Reports whether an intent in this state still wants a response, so that it must neither go nor be made anew. */
export const isUnfinished = (state: State): boolean => unfinished.includes(state);

import { useCallback, useEffect, useRef, useState } from 'react';
import { type Client, type IntentRequest, isUnfinished, type Outcome, type State, type StoredEntry } from '../index.ts';

/** One intent as a component sees it. */
export interface IntentHandle {
  /** Undefined before the first submission. Follows the intent, whichever tab carries it on. */
  readonly state: State | undefined;
  /** What the last submission came to; a queued one is replaced by its result once that is there. */
  readonly outcome: Outcome | undefined;
  /** Why the last submission failed. */
  readonly error: unknown;
  /** `client.submit`. Never rejects: look at `outcome` and `error`. */
  readonly submit: (request: IntentRequest) => Promise<void>;
  /** `client.submitAsNew`. Never rejects either. */
  readonly submitAsNew: (request: IntentRequest) => Promise<void>;
}

type Snapshot = Pick<IntentHandle, 'state' | 'outcome' | 'error'>;

const blank: Snapshot = { state: undefined, outcome: undefined, error: undefined };

/** Submits through the client, and follows what becomes of it. The component's end ends the watching, not the intent. */
export function useIntent(client: Client): IntentHandle {
  const [snapshot, setSnapshot] = useState(blank);
  /** Tells what belongs to the last submission from what a former one still brings. */
  const latest = useRef<AbortController>(undefined);

  useEffect(() => () => latest.current?.abort(), []);

  const run = useCallback(
    async (how: 'submit' | 'submitAsNew', request: IntentRequest) => {
      latest.current?.abort();
      const watching = new AbortController();
      const { signal } = watching;
      latest.current = watching;
      const show = (change: Partial<Snapshot>) => {
        if (!signal.aborted) {
          setSnapshot((before) => ({ ...before, ...change }));
        }
      };
      const joined = async (fingerprint: string) =>
        (await client.entries()).findLast(
          (entry) => entry.intent.fingerprint === fingerprint && isUnfinished(entry.state),
        );
      /** An intent that the submission joins has told of its beginning before. */
      const catchUp = (entry: StoredEntry | undefined) => {
        if (entry !== undefined && !signal.aborted) {
          setSnapshot((before) => (before.state === 'draft' ? { ...before, state: entry.state } : before));
        }
      };
      setSnapshot({ ...blank, state: 'draft' });
      let fingerprint: string | undefined;
      let unsubscribe = () => {};
      try {
        fingerprint = (await client.prepare(request)).fingerprint;
        unsubscribe = client.subscribe((event) => {
          if (event.type === 'state' && event.fingerprint === fingerprint) {
            show({ state: event.state });
          }
        });
        signal.addEventListener('abort', unsubscribe, { once: true });
        if (how === 'submit') {
          joined(fingerprint).then(catchUp, () => {}); // submitting tells what is wrong with the storage
        }
        let outcome = await client[how](request, { signal });
        show({ outcome, state: outcome.source === 'queued' ? 'queued' : 'succeeded' });
        if (outcome.source === 'queued') {
          outcome = await client.wait(outcome.intent.key, { signal });
          show({ outcome, state: 'succeeded' });
        }
      } catch (error) {
        show({ error });
      } finally {
        unsubscribe();
      }
    },
    [client],
  );

  return {
    ...snapshot,
    submit: useCallback((request) => run('submit', request), [run]),
    submitAsNew: useCallback((request) => run('submitAsNew', request), [run]),
  };
}

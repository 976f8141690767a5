import { type Intent, type Problem, ProblemError, SendError, type State, WindowPassedError } from 'idempotent-requests';
import { useIntent } from 'idempotent-requests/react';
import { useCallback, useState } from 'react';
import { useApi } from '../../shared/api-context.ts';
import { pathOf } from '../../shared/operation.ts';
import { useRequests } from '../../shared/requests.ts';
import { type Draft, type Form, toBody } from './drafts.ts';

/** One operation, asked for by hand. */
export interface HandOperation {
  readonly guarded: boolean;
  readonly setGuarded: (guarded: boolean) => void;
  /** How far the last intent has come; absent with the guard off, and at first. */
  readonly state: State | undefined;
  /** What the API objects to in the last submission through the client. */
  readonly problem: Problem | undefined;
  /** The last intent that was sent, to send again. */
  readonly intent: Intent | undefined;
  /**
   * Asks for what is in the form. With the guard, what has been asked already is not sent again, and `problem` says what
   * is objected to; without, what it resolves to.
   */
  readonly submit: (draft: Draft) => Promise<Problem | undefined>;
  /** Says "I mean it again": a new key. */
  readonly submitAsNew: (draft: Draft) => Promise<void>;
  /** Sends the last intent again, past the client. */
  readonly resend: () => Promise<void>;
}

/** Asks for an operation by hand: through the client, or with the guard off without a key. */
export function useOperation(form: Form): HandOperation {
  const api = useApi();
  const { client, log, sendUnprotected, resend } = useRequests();
  const handle = useIntent(client);
  const [guarded, setGuarded] = useState(true);
  const { submit, submitAsNew, outcome, error } = handle;

  const toRequest = useCallback(
    (draft: Draft) => ({ url: api.url(pathOf(form.operation)), body: toBody(form, draft) }),
    [api, form],
  );
  const intent = outcome?.intent ?? (error instanceof SendError ? error.intent : undefined);
  return {
    guarded,
    setGuarded,
    state: guarded ? (error instanceof SendError ? stateAfter(error) : handle.state) : undefined,
    problem: error instanceof ProblemError ? error.problem : undefined,
    intent,
    submit: async (draft) => {
      if (guarded) {
        await submit(toRequest(draft));
        return undefined;
      }
      const body = toBody(form, draft);
      // Nothing but its content says that it is a duplicate: to the server it is another one.
      const repeats = log
        .get()
        .some((one) => one.key === undefined && JSON.stringify(one.body) === JSON.stringify(body));
      const done = await sendUnprotected(form.operation, body, { repeats });
      return done.kind === 'refused' ? done.problem : undefined;
    },
    submitAsNew: (draft) => submitAsNew(toRequest(draft)),
    resend: async () => {
      if (intent !== undefined) {
        await resend(intent, { repeats: true });
      }
    },
  };
}

function stateAfter(error: SendError): State {
  return error instanceof WindowPassedError ? 'expired' : 'failed';
}

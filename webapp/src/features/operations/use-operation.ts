import { useCallback, useState } from 'react';
import type { Intent } from '../../idempotency/index.ts';
import { useRequests } from '../../shared/requests.ts';
import { type FieldErrors, fieldErrors } from '../../shared/submission.ts';
import { type Draft, type Form, toBody } from './drafts.ts';

/** What "the same again" repeats. */
export interface Repeatable {
  readonly body: unknown;
  /** Absent with the guard off. */
  readonly intent?: Intent;
}

/** One operation, asked for by hand. */
export interface HandOperation {
  readonly guarded: boolean;
  readonly setGuarded: (guarded: boolean) => void;
  /** What "the same again" would repeat in the present mode. */
  readonly repeatable: Repeatable | undefined;
  /** A new intent. Resolves, once settled, to what was wrong with its fields. */
  readonly submit: (draft: Draft) => Promise<FieldErrors>;
  /** The last submission again: the same key and bytes, or with the guard off the same body. */
  readonly repeat: () => Promise<FieldErrors>;
}

/** Remembers what was last asked for with a form, to ask for it again. */
export function useOperation(form: Form): HandOperation {
  const { send } = useRequests();
  const [guarded, setGuarded] = useState(true);
  const [lastIntent, setLastIntent] = useState<Required<Repeatable>>();
  const [lastBody, setLastBody] = useState<unknown>();

  const ask = useCallback(
    async ({ body, intent }: Repeatable, repeats: boolean) => {
      setLastBody(body);
      const sent = await send({ operation: form.operation, body, guarded, intent, repeats });
      if (sent.intent !== undefined) {
        setLastIntent({ body, intent: sent.intent });
      }
      return fieldErrors(sent.submission.settlement?.outcome);
    },
    [form, guarded, send],
  );

  const submit = useCallback((draft: Draft) => ask({ body: toBody(form, draft) }, false), [ask, form]);
  const unguarded = lastBody === undefined ? undefined : { body: lastBody };
  const repeatable = guarded ? lastIntent : unguarded;
  const repeat = useCallback(async () => (repeatable ? ask(repeatable, true) : {}), [ask, repeatable]);

  return { guarded, setGuarded, repeatable, submit, repeat };
}

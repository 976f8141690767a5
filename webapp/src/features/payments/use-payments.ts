import { useCallback, useRef, useState } from 'react';
import type { Intent } from '../../idempotency/index.ts';
import { useApi } from '../../shared/api-context.ts';
import { type PaymentDraft, type PaymentRequest, toRequest } from './payment.ts';
import { sendGuarded, sendUnprotected, unsent } from './send-payment.ts';
import { type FieldErrors, fieldErrors, type Settlement, type Submission } from './submission.ts';

/** Everything about payments that the page needs. */
export interface Payments {
  /** Newest first. */
  readonly submissions: readonly Submission[];
  readonly guarded: boolean;
  readonly setGuarded: (guarded: boolean) => void;
  /** What "the same again" would repeat in the present mode. */
  readonly repeatable: Repeatable | undefined;
  /** A new intent. Resolves, once settled, to what was wrong with its fields. */
  readonly submit: (draft: PaymentDraft) => Promise<FieldErrors>;
  /** The last submission again: the same key and bytes, or with the guard off the same body. */
  readonly repeat: () => Promise<FieldErrors>;
}

export interface Repeatable {
  readonly payment: PaymentRequest;
  /** Absent with the guard off. */
  readonly intent?: Intent;
}

/** Keeps this session's submissions. @param onSettled called after each, however it ended */
export function usePayments(onSettled: () => void): Payments {
  const api = useApi();
  const [guarded, setGuarded] = useState(true);
  const [submissions, setSubmissions] = useState<readonly Submission[]>([]);
  const [lastGuarded, setLastGuarded] = useState<Required<Repeatable>>();
  const [lastPayment, setLastPayment] = useState<PaymentRequest>();
  const count = useRef(0);

  const run = useCallback(
    async (started: Pick<Submission, 'payment' | 'key' | 'repeats'>, send: () => Promise<Settlement>) => {
      count.current += 1;
      const id = count.current;
      setSubmissions((all) => [{ ...started, id, at: new Date() }, ...all]);
      const settlement = await send();
      setSubmissions((all) => all.map((one) => (one.id === id ? { ...one, settlement } : one)));
      onSettled();
      return fieldErrors(settlement.outcome);
    },
    [onSettled],
  );

  const send = useCallback(
    ({ payment, intent }: Repeatable, repeats: boolean) => {
      setLastPayment(payment);
      if (intent === undefined) {
        return run({ payment, repeats }, () => sendUnprotected(api, payment));
      }
      setLastGuarded({ payment, intent });
      return run({ payment, repeats, key: intent.key }, async () => {
        const settlement = await sendGuarded(api, intent);
        // The intent now knows when it was first sent and when it expires; unless a newer one has taken its place.
        setLastGuarded((last) => (last?.intent.key === intent.key ? { payment, intent: settlement.intent } : last));
        return settlement;
      });
    },
    [api, run],
  );

  const submit = useCallback(
    async (draft: PaymentDraft) => {
      const payment = toRequest(draft);
      if (!guarded) {
        return send({ payment }, false);
      }
      let intent: Intent;
      try {
        intent = await api.idempotent.prepare({ url: api.url('/payments'), body: payment });
      } catch (error) {
        return run({ payment, repeats: false }, async () => unsent(error));
      }
      return send({ payment, intent }, false);
    },
    [api, guarded, run, send],
  );

  const unguarded = lastPayment && { payment: lastPayment };
  const repeatable = guarded ? lastGuarded : unguarded;
  const repeat = useCallback(async () => (repeatable ? send(repeatable, true) : {}), [repeatable, send]);

  return { submissions, guarded, setGuarded, repeatable, submit, repeat };
}

import { useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { Evidence, Ledger, refreshActivity } from '../features/evidence/index.ts';
import { PaymentForm, SubmissionList, usePayments } from '../features/payments/index.ts';
import classes from './app.module.css';

/** One session's work: what was asked on one side, what came of it on the other. */
export function Demo({ requestsSent }: { requestsSent: number }) {
  const queries = useQueryClient();
  const onSettled = useCallback(() => refreshActivity(queries), [queries]);
  const { submissions, ...form } = usePayments(onSettled);

  return (
    <main className={classes.main}>
      <div className={classes.controls}>
        <PaymentForm {...form} />
      </div>
      <div className={classes.outcomes}>
        <Evidence requestsSent={requestsSent} />
        <SubmissionList submissions={submissions} />
        <Ledger />
      </div>
    </main>
  );
}

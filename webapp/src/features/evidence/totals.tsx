import { Button } from '@mantine/core';
import { type Activity, useActivity } from '../../shared/activity.ts';
import classes from './totals.module.css';

/** What was asked in this session, what ran, what it did. */
export function Totals({ requestsSent }: { requestsSent: number }) {
  const { data, isError, error, isFetching, refetch } = useActivity();
  return (
    <section className={classes.totals} aria-label="This session">
      <dl className={classes.numbers} aria-busy={isFetching}>
        <Figure name="Requests sent" value={requestsSent} note="by this page, retries included" />
        <Figure
          name="Handler executions"
          value={atLeast(data?.executionCount, data)}
          note="times the function’s code ran"
        />
        <Figure name="Effects" value={atLeast(data?.effectCount, data)} note="entries in the ledger" />
      </dl>
      <div className={classes.trouble} role="status">
        {isError && (
          <>
            <span>The ledger could not be read: {error.message}</span>
            <Button size="compact-sm" variant="default" onClick={() => void refetch()}>
              Try again
            </Button>
          </>
        )}
      </div>
    </section>
  );
}

function Figure({ name, value, note }: { name: string; value: number | string | undefined; note: string }) {
  return (
    <div className={classes.figure}>
      <dt>{name}</dt>
      <dd className={classes.value}>{value ?? <span className={classes.unknown}>–</span>}</dd>
      <dd className={classes.note}>{note}</dd>
    </div>
  );
}

/** A count, marked where there is more than was counted. */
function atLeast(count: number | undefined, activity: Activity | undefined): number | string | undefined {
  return activity?.truncated ? `${count}+` : count;
}

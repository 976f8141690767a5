import { Button } from '@mantine/core';
import { Panel } from '../../shared/panel.tsx';
import { type Activity, useActivity } from './activity.ts';
import classes from './evidence.module.css';

/** Three numbers: what was asked, what ran, what it did. */
export function Evidence({ requestsSent }: { requestsSent: number }) {
  const { data, isError, error, isFetching, refetch } = useActivity();
  return (
    <Panel title="Evidence">
      <dl className={classes.numbers} aria-busy={isFetching}>
        <Figure name="Requests sent" value={requestsSent} note="by this page, retries included" />
        <Figure
          name="Handler executions"
          value={atLeast(data?.executionCount, data)}
          note="times the function's code ran"
        />
        <Figure name="Effects" value={atLeast(data?.effectCount, data)} note="entries in the ledger" emphasised />
      </dl>
      <div className={classes.verdict} role="status">
        {isError ? (
          <>
            <span>The evidence could not be read: {error.message}</span>
            <Button size="compact-sm" variant="default" onClick={() => void refetch()}>
              Try again
            </Button>
          </>
        ) : (
          data && !data.truncated && <span>{verdict(requestsSent, data.executionCount, data.effectCount)}</span>
        )}
      </div>
    </Panel>
  );
}

function Figure({
  name,
  value,
  note,
  emphasised = false,
}: {
  name: string;
  value: number | string | undefined;
  note: string;
  emphasised?: boolean;
}) {
  return (
    <div className={classes.figure} data-emphasised={emphasised}>
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

function verdict(requests: number, executions: number, effects: number): string {
  if (requests === 0 && effects === 0) {
    return 'Nothing has happened yet.';
  }
  const outcome = `${count(requests, 'request')}, ${count(effects, 'effect')}.`;
  const spared = requests - executions;
  return spared > 0 ? `${outcome} ${count(spared, 'request')} answered without running the handler.` : outcome;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

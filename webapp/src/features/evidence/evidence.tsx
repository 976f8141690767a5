import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Panel } from '../../shared/panel.tsx';
import { useSubmissions } from '../../shared/requests.ts';
import { type Verdict, verdictOf } from '../../shared/submission.ts';
import { VerdictIcon } from '../../shared/verdict-badge.tsx';
import { type Activity, useActivity } from './activity.ts';
import { balance } from './balance.ts';
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
          data && !data.truncated && <span>{verdict(requestsSent, data)}</span>
        )}
      </div>
      {data && !data.truncated && <Balance activity={data} />}
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

function verdict(requests: number, { executionCount, effectCount }: Activity): string {
  if (requests === 0 && effectCount === 0) {
    return 'Nothing has happened yet.';
  }
  const outcome = `${count(requests, 'request')}, ${count(effectCount, 'effect')}.`;
  const spared = requests - executionCount;
  return spared > 0 ? `${outcome} ${count(spared, 'request')} answered without running the handler.` : outcome;
}

/** What the guard is for, in numbers: effects by intent with it, by request without; and what never reached the server. */
function Balance({ activity }: { activity: Activity }) {
  const submissions = useSubmissions();
  const { guarded, unguarded } = balance(activity);
  const cached = submissions.filter((one) => verdictOf(one) === 'client-cache').length;
  const queued = submissions.filter((one) => verdictOf(one) === 'queued').length;
  return (
    <dl className={classes.balance}>
      <Side tone="executed" name="With a key">
        {count(guarded.intents, 'intent')}, {count(guarded.effects, 'effect')}
      </Side>
      <Side tone="failed" name="Without">
        {count(unguarded.executions, 'request')}, {count(unguarded.effects, 'effect')}
      </Side>
      <Side tone="client-cache" name="Client cache">
        {count(cached, 'answer')}, no request
      </Side>
      <Side tone="queued" name="In the outbox">
        {queued} waiting
      </Side>
    </dl>
  );
}

function Side({ tone, name, children }: { tone: Verdict; name: string; children: ReactNode }) {
  return (
    <div className={classes.side} data-verdict={tone}>
      <dt>
        <VerdictIcon verdict={tone} /> {name}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

import { Button } from '@mantine/core';
import { type ReactNode, useMemo } from 'react';
import { matchCalls, useCalls } from '../../shared/calls.ts';
import { Panel } from '../../shared/panel.tsx';
import { useSubmissions } from '../../shared/requests.ts';
import type { Submission } from '../../shared/submission.ts';
import { formatLeft } from '../../shared/time-left.ts';
import { useNow } from '../../shared/use-now.ts';
import classes from './inspector.module.css';
import { type IdempotencyRecord, mayHaveRecord, useRecord } from './record.ts';

/** The DynamoDB record behind the selected request, or behind the newest. */
export function Inspector({ selected }: { selected: string | undefined }) {
  const all = useSubmissions();
  const submission = all.find(({ id }) => id === selected) ?? all[0];
  return (
    <Panel title="Record" note={submission && `behind request ${submission.number}`}>
      <div className={classes.frame}>
        {submission === undefined ? (
          <p className={classes.empty}>Nothing sent yet. The record that a key leaves in DynamoDB appears here.</p>
        ) : submission.key === undefined ? (
          <p className={classes.empty}>
            This request had no key: nothing is recorded, and nothing recognises its duplicate.
          </p>
        ) : (
          <>
            <Behind submission={submission} />
            <Cost all={all} submission={submission} />
          </>
        )}
      </div>
    </Panel>
  );
}

function Behind({ submission }: { submission: Submission }) {
  const { data, isPending, isError, error, refetch } = useRecord(submission);
  if (submission.settlement !== undefined && !mayHaveRecord(submission)) {
    return (
      <p className={classes.empty}>
        {submission.settlement.outcome.kind === 'refused'
          ? 'There is no record: the request was refused before its key was claimed.'
          : 'There is no record: nothing has been sent.'}
      </p>
    );
  }
  if (isPending) {
    return <p className={classes.empty}>Reading the record…</p>;
  }
  if (isError) {
    return (
      <p className={classes.empty}>
        The record could not be read: {error.message}{' '}
        <Button size="compact-sm" variant="default" onClick={() => void refetch()}>
          Try again
        </Button>
      </p>
    );
  }
  return data ? (
    <Facts record={data} />
  ) : (
    <p className={classes.empty}>There is no record: the key was never claimed, or is free again.</p>
  );
}

function Facts({ record }: { record: IdempotencyRecord }) {
  const now = useNow(true, 1_000);
  const { id, status, owner, fingerprint, leaseExpiresAt, expiresAt, size } = record;
  return (
    <dl className={classes.facts}>
      <Fact name="Status">
        <span className={classes.status} data-status={status}>
          {status}
        </span>
      </Fact>
      <Fact name="Id">
        <code>{id}</code>
      </Fact>
      <Fact name="Owner">
        <code>{owner}</code>
      </Fact>
      <Fact name="Lease">
        {leaseExpiresAt === undefined ? 'given back' : formatLeft(Date.parse(leaseExpiresAt), now)}
      </Fact>
      <Fact name="Window">{formatLeft(Date.parse(expiresAt), now)}</Fact>
      <Fact name="Fingerprint">
        <code>{fingerprint}</code>
      </Fact>
      <Fact name="Response">{size > 0 ? `${size} bytes` : 'none yet'}</Fact>
    </dl>
  );
}

/** What the request's calls asked of DynamoDB, where the API writes that down. */
function Cost({ all, submission: { attempts } }: { all: readonly Submission[]; submission: Submission }) {
  const known = useCalls();
  const matched = useMemo(() => matchCalls(all, known), [all, known]);
  const calls = attempts.flatMap((attempt) => matched.get(attempt) ?? []);
  const sum = (unit: 'readUnits' | 'writeUnits') => calls.reduce((total, { cost }) => total + cost[unit], 0);
  return (
    <dl className={classes.facts}>
      <Fact name="Cost">
        {calls.length === 0
          ? 'unknown'
          : `${sum('writeUnits')} write and ${sum('readUnits')} read units for ${calls.length === 1 ? 'this request' : `its ${calls.length} requests`}`}
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

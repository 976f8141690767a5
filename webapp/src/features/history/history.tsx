import { Button, NativeSelect, VisuallyHidden } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useApi } from '../../shared/api-context.ts';
import { curlOf } from '../../shared/curl.ts';
import { Moment } from '../../shared/moment.tsx';
import { describe } from '../../shared/operation.ts';
import { Panel } from '../../shared/panel.tsx';
import { useRequests, useSubmissions } from '../../shared/requests.ts';
import {
  fieldErrors,
  type Outcome,
  reasonOf,
  type Submission,
  statusOf,
  verdictLabel,
  verdictOf,
  verdicts,
} from '../../shared/submission.ts';
import { VerdictBadge } from '../../shared/verdict-badge.tsx';
import classes from './history.module.css';

/** How many rows are shown at first, and how many more on each demand. */
const page = 10;

/** The submissions of this session, newest first, kept over reloads. */
export function History({ selected, onSelect }: { selected: string | undefined; onSelect: (id: string) => void }) {
  const { log } = useRequests();
  const all = useSubmissions();
  const [filter, setFilter] = useState('all');
  const [rows, setRows] = useState(page);
  const found = filter === 'all' ? all : all.filter((submission) => verdictOf(submission) === filter);
  const occurring = verdicts.filter((verdict) => verdict === filter || all.some((one) => verdictOf(one) === verdict));

  return (
    <Panel title="Requests" note="kept over reloads">
      <VisuallyHidden role="status">{announcement(all[0])}</VisuallyHidden>
      <div className={classes.tools}>
        <NativeSelect
          size="xs"
          aria-label="Filter by outcome"
          value={filter}
          onChange={({ currentTarget }) => setFilter(currentTarget.value)}
          data={[
            { value: 'all', label: `All outcomes (${all.length})` },
            ...occurring.map((value) => ({ value, label: verdictLabel(value) })),
          ]}
        />
        <Button size="compact-sm" variant="default" disabled={all.length === 0} onClick={log.clear}>
          Clear
        </Button>
      </div>
      {all.length === 0 && (
        <p className={classes.empty}>Nothing sent yet. Run a scenario, or submit a payment by hand.</p>
      )}
      {all.length > 0 && found.length === 0 && <p className={classes.empty}>None with this outcome.</p>}
      {found.length > 0 && (
        <ol className={classes.list} reversed aria-label="Results, newest first">
          {found.slice(0, rows).map((submission) => (
            <Row
              key={submission.id}
              submission={submission}
              selected={submission.id === selected}
              onSelect={() => onSelect(submission.id)}
            />
          ))}
        </ol>
      )}
      {found.length > rows && (
        <Button size="compact-sm" variant="default" onClick={() => setRows(rows + page)}>
          Show {Math.min(page, found.length - rows)} more of {found.length - rows}
        </Button>
      )}
    </Panel>
  );
}

function Row({ submission, selected, onSelect }: { submission: Submission; selected: boolean; onSelect: () => void }) {
  const { number, body, key, repeats, secondTab, startedAt, settlement } = submission;
  const outcome = settlement?.outcome;
  const { gist, rest } = describe(body);
  return (
    <li className={classes.item} aria-current={selected}>
      <div className={classes.headline}>
        <VerdictBadge verdict={verdictOf(submission)} />
        <span className={classes.status}>{statusOf(submission) ?? ''}</span>
        <div className={classes.request}>
          <button type="button" className={classes.what} onClick={onSelect}>
            <VisuallyHidden>Request {number}: </VisuallyHidden>
            <strong>{gist}</strong> {rest}
          </button>
          {secondTab && <span className={classes.again}>second tab</span>}
          {repeats && <span className={classes.again}>again</span>}
        </div>
        <div className={classes.meta}>
          {/* What is settled is another element: no text changes its width in place. */}
          <span key={settlement ? 'latency' : 'no latency'}>
            {settlement ? `${Math.round(settlement.latencyMs)} ms` : '…'}
          </span>
          <span key={settlement ? 'attempts' : 'no attempts'}>{settlement ? attempts(settlement.attempts) : '…'}</span>
          <Moment at={new Date(startedAt)} />
        </div>
      </div>
      <div className={classes.facts}>
        <dl className={classes.ids}>
          <Fact name="Key" value={key} />
          <Fact name="Created" value={outcome?.kind === 'done' ? outcome.resource : undefined} />
        </dl>
        <CopyButton submission={submission} />
      </div>
      {outcome && outcome.kind !== 'done' && <Reason outcome={outcome} />}
    </li>
  );
}

function Fact({ name, value }: { name: string; value: string | undefined }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd title={value}>{value === undefined ? 'none' : <code>{value}</code>}</dd>
    </div>
  );
}

function CopyButton({ submission }: { submission: Submission }) {
  const { sessionId } = useApi();
  const [said, setSaid] = useState<string>();
  useEffect(() => {
    if (said === undefined) {
      return;
    }
    const timer = setTimeout(() => setSaid(undefined), 2_000);
    return () => clearTimeout(timer);
  }, [said]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(curlOf(wireOf(submission, sessionId)));
      setSaid('Copied');
    } catch {
      setSaid('Not allowed');
    }
  }

  return (
    <button type="button" className={classes.copy} onClick={copy} aria-live="polite">
      {said ?? 'Copy as curl'}
      <VisuallyHidden> (request {submission.number})</VisuallyHidden>
    </button>
  );
}

function attempts(number: number): string {
  return `${number} attempt${number === 1 ? '' : 's'}`;
}

function Reason({ outcome }: { outcome: Outcome }) {
  const fields = Object.entries(fieldErrors(outcome.kind === 'refused' ? outcome.problem : undefined));
  return (
    <div className={classes.reason}>
      <p>{reasonOf(outcome)}</p>
      {fields.length > 0 && (
        <ul>
          {fields.map(([field, message]) => (
            <li key={field}>
              <code>{field}</code> {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** What a screen reader says when the newest submission settles. A scenario's own story says it for its requests. */
function announcement(newest: Submission | undefined): string {
  if (newest === undefined || newest.run !== undefined) {
    return '';
  }
  const { number, settlement } = newest;
  if (settlement === undefined) {
    return `Submission ${number}: sending.`;
  }
  const status = statusOf(newest);
  return [
    `Submission ${number}: ${verdictLabel(verdictOf(newest))}`,
    status && `status ${status}`,
    `${Math.round(settlement.latencyMs)} milliseconds`,
    reasonOf(settlement.outcome),
  ]
    .filter(Boolean)
    .join(', ');
}

/** The submission as it goes over the wire. */
function wireOf({ url, body, key }: Submission, sessionId: string) {
  return {
    url,
    headers: [
      ['Content-Type', 'application/json'],
      ['Demo-Session', sessionId],
      ...(key === undefined ? [] : [['Idempotency-Key', key] as const]),
    ] as const,
    body: JSON.stringify(body),
  };
}

import { VisuallyHidden } from '@mantine/core';
import { Moment } from '../../shared/moment.tsx';
import { Panel } from '../../shared/panel.tsx';
import { OutcomeBadge } from './outcome-badge.tsx';
import { describeAmount } from './payment.ts';
import { fieldErrors, type Outcome, outcomeLabel, outcomeStatus, type Submission } from './submission.ts';
import classes from './submission-list.module.css';

/** The submissions of this session, newest first, each with where its answer came from. */
export function SubmissionList({ submissions }: { submissions: readonly Submission[] }) {
  return (
    <Panel title="Results">
      <VisuallyHidden role="status">{announcement(submissions)}</VisuallyHidden>
      {submissions.length === 0 ? (
        <p className={classes.empty}>Nothing sent yet. Submit a payment, then submit the same again.</p>
      ) : (
        <ol className={classes.list} reversed aria-label="Results, newest first">
          {submissions.map((submission) => (
            <Row key={submission.id} submission={submission} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Row({ submission }: { submission: Submission }) {
  const { payment, key, repeats, at, settlement } = submission;
  const outcome = settlement?.outcome;
  const status = outcome && outcomeStatus(outcome);
  return (
    <li className={classes.item}>
      <div className={classes.headline}>
        <OutcomeBadge outcome={outcome} />
        <span className={classes.status}>{status ?? ''}</span>
        <div className={classes.payment}>
          <span className={classes.what}>
            <strong>{describeAmount(payment)}</strong> {payment.description}
          </span>
          {repeats && <span className={classes.again}>again</span>}
        </div>
        <div className={classes.meta}>
          <span>{settlement ? `${settlement.latencyMs} ms` : '…'}</span>
          <span>{settlement ? attempts(settlement.attempts) : '…'}</span>
          <Moment at={at} />
        </div>
      </div>
      <dl className={classes.facts}>
        <Fact name="Key" value={key} />
        <Fact name="Payment" value={outcome?.kind === 'paid' ? outcome.payment.id : undefined} />
      </dl>
      {outcome && outcome.kind !== 'paid' && <Reason outcome={outcome} />}
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

function attempts(number: number): string {
  return `${number} attempt${number === 1 ? '' : 's'}`;
}

function Reason({ outcome }: { outcome: Exclude<Outcome, { kind: 'paid' }> }) {
  if (outcome.kind !== 'refused') {
    return <p className={classes.reason}>{outcome.message}</p>;
  }
  const { title, detail } = outcome.problem;
  const fields = Object.entries(fieldErrors(outcome));
  return (
    <div className={classes.reason}>
      <p>{detail ?? title}</p>
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

/** What a screen reader says when the newest submission settles. */
function announcement(submissions: readonly Submission[]): string {
  const newest = submissions[0];
  if (newest === undefined) {
    return '';
  }
  if (newest.settlement === undefined) {
    return `Submission ${newest.id}: sending.`;
  }
  const { outcome, latencyMs } = newest.settlement;
  const status = outcomeStatus(outcome);
  return [
    `Submission ${newest.id}: ${outcomeLabel(outcome)}`,
    status && `status ${status}`,
    `${latencyMs} milliseconds`,
    outcome.kind === 'refused' && (outcome.problem.detail ?? outcome.problem.title),
  ]
    .filter(Boolean)
    .join(', ');
}

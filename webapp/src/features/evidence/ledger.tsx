import { Button, Skeleton } from '@mantine/core';
import { useState } from 'react';
import { type Effect, useActivity } from '../../shared/activity.ts';
import { Moment } from '../../shared/moment.tsx';
import { describe } from '../../shared/operation.ts';
import { Panel } from '../../shared/panel.tsx';
import classes from './ledger.module.css';

/** How many rows are shown at first. */
const page = 8;

/** The effects themselves, newest first. */
export function Ledger() {
  const { data, isPending, isError } = useActivity();
  const [rows, setRows] = useState(page);
  const effects = data?.effects ?? [];
  return (
    <Panel title="Ledger" note={data?.truncated ? `the newest ${effects.length}` : undefined}>
      {isPending && <Skeleton height="2.75rem" radius="md" aria-hidden="true" />}
      {isError && <p className={classes.empty}>It could not be read.</p>}
      {data && effects.length === 0 && (
        <p className={classes.empty}>No effects yet. Each charge, customer and order becomes a row here.</p>
      )}
      {effects.length > 0 && (
        <ol className={classes.rows} reversed aria-label="Effects, newest first">
          {effects.slice(0, rows).map((effect) => (
            <Row key={effect.id} effect={effect} />
          ))}
        </ol>
      )}
      {effects.length > rows && (
        <Button size="compact-sm" variant="default" mt="sm" onClick={() => setRows(rows + 2 * page)}>
          Show {Math.min(2 * page, effects.length - rows)} more of {effects.length - rows}
        </Button>
      )}
    </Panel>
  );
}

function Row({ effect }: { effect: Effect }) {
  const { kind, operation, resource, detail, at } = effect;
  const { gist } = describe(detail);
  return (
    <li className={classes.row} data-kind={kind}>
      <span className={classes.what}>
        {kind}
        {gist !== '' && <strong> {gist}</strong>}
      </span>
      <code className={classes.resource} title={resource}>
        {resource}
      </code>
      <span className={classes.operation} title={operation}>
        {operation}
      </span>
      <span className={classes.when}>
        <Moment at={new Date(at)} />
      </span>
    </li>
  );
}

import { type ReactNode, useEffect, useState } from 'react';
import type { Cost, Fact } from '../../model/facts.ts';
import { recordAt } from '../../model/totals.ts';
import { counted } from '../../model/words.ts';
import { CodeBlock } from '../../stage/code-block.tsx';
import { usePlayer } from '../../stage/player.ts';
import type { TabProps } from './tabs.tsx';

/** The item in DynamoDB, as it is at the moment of the replay. */
export function RecordTab({ player }: TabProps) {
  const plan = usePlayer(player, 'plan');
  const [second, setSecond] = useState(0);
  // The lease counts in whole seconds, and everything else changes with facts: no need to draw more often.
  useEffect(() => player.onFrame(({ s }) => setSecond(Math.floor(s / 100))), [player]);
  void second;
  const { s, t } = player.now();
  const { scripts, scenario } = plan;
  return (
    <div className="both">
      {scripts.map(({ lane, shown }, i) => {
        const passed = shown.filter((one) => one.s <= s).map(({ fact }) => fact);
        return (
          <div key={scenario.names[i]}>
            <h3 className="sub">{scenario.names[i]}</h3>
            {lane.keyed ? (
              <RecordItem
                record={recordAt(passed, t)}
                operation={scenario.effect === 'order' ? 'orders' : 'payments'}
              />
            ) : (
              <p className="hint">
                Without a key there is none: a request that nobody can recognise leaves nothing to recognise it by.
              </p>
            )}
            {lane.keyed && <Replays facts={passed} />}
          </div>
        );
      })}
    </div>
  );
}

function RecordItem({ record, operation }: { record: ReturnType<typeof recordAt>; operation: string }) {
  const line = (name: string, value: string, note?: string): ReactNode => (
    <span key={name}>
      {'  '}
      <i>{name}</i>: <em>{value}</em>
      {note !== undefined && <u>{`  // ${note}`}</u>}
      {'\n'}
    </span>
  );
  const { status, owner, leaseLeft, bytes } = record;
  return (
    <CodeBlock label="The record">
      {status === 'free' && <u>{'// nothing yet: the key is free'}</u>}
      {status === 'forgotten' && <u>{'// past its window: counts as absent, swept or not'}</u>}
      {(status === 'in-progress' || status === 'completed') && (
        <>
          {'{\n'}
          {line('id', `"${operation}.create#…"`, 'operation, and the hash of scope and key')}
          {line('status', status === 'completed' ? '"COMPLETED"' : '"INPROGRESS"')}
          {line('owner', '"…"', owner === undefined ? undefined : `the execution of request ${owner}`)}
          {line('validation', '"…"', 'fingerprint of the payload')}
          {status === 'in-progress' &&
            line(
              'in_progress_expiration',
              '…',
              leaseLeft === undefined ? 'end of the lease' : `lease: ${Math.ceil(leaseLeft / 1_000)} s left`,
            )}
          {line('expiration', '…', 'end of the window')}
          {status === 'completed' &&
            line('data', bytes === undefined ? '…' : `${bytes} bytes`, 'the answer: status, headers, body')}
          {'}'}
        </>
      )}
    </CodeBlock>
  );
}

/** How the record has answered so far, and what that cost. */
function Replays({ facts }: { facts: readonly Fact[] }) {
  const count = (by: string) => facts.filter((fact) => fact.kind === 'replayed' && fact.by === by).length;
  const held = facts.filter(({ kind }) => kind === 'held').length;
  const costs = facts.flatMap(({ cost }) => cost ?? []);
  const sum = (member: keyof Cost) => costs.reduce((all, cost) => all + cost[member], 0);
  const rows = [
    ['Replayed from the record', counted(count('record'), 'time')],
    ['Replayed from the function’s memory', counted(count('memory'), 'time')],
    ['Waited at the record', `${counted(held, 'time')}${held > 0 ? ', for its answer or two seconds' : ''}`],
    ...(costs.length === 0
      ? []
      : ([
          ['Calls whose cost is known', String(costs.length)],
          ['Round trips to the table', String(sum('roundTrips'))],
          ['Read units, write units', `${sum('readUnits')}, ${sum('writeUnits')}`],
        ] as const)),
  ] as const;
  return (
    <dl className="pairs">
      {rows.map(([name, said]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{said}</dd>
        </div>
      ))}
    </dl>
  );
}

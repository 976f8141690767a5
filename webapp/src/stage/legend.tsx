import { useEffect, useRef } from 'react';
import type { Run } from '../model/facts.ts';
import { labelOf, type Verdict } from '../model/verdict.ts';
import { FaceMark } from './icons.tsx';

/** The marks that occur in a run, in words, in the order in which they occur: what is there does not move. */
export function Legend({ run }: { run: Run }) {
  const known = useRef<{ readonly run: string; readonly order: readonly Verdict[] }>({ run: '', order: [] });
  const facts = run.lanes.flatMap((lane) => lane.facts).sort((a, b) => a.t - b.t);
  const occurring = new Set(
    facts.flatMap(({ kind, source }) => {
      switch (kind) {
        case 'answered':
          return source ?? [];
        case 'cached':
        case 'shared':
          return 'client-cache' as const;
        case 'queued':
        case 'expired':
          return kind;
        case 'joined':
          return 'waiting' as const;
        default:
          return [];
      }
    }),
  );
  const name = `${run.scenario} ${run.at}`;
  const earlier = known.current.run === name ? known.current.order : [];
  const order = [...new Set([...earlier, ...occurring])];
  useEffect(() => {
    known.current = { run: name, order };
  });
  return (
    <ul className="legend" aria-label="What the marks mean">
      {run.lanes.some(({ keyed }) => !keyed) && (
        <li>
          <FaceMark face="request" />a request
        </li>
      )}
      <li>
        <FaceMark face="request" keyed />
        with a key
      </li>
      {order.map((verdict) => (
        <li key={verdict}>
          <FaceMark face={verdict} />
          {labelOf(verdict).toLowerCase()}
        </li>
      ))}
    </ul>
  );
}

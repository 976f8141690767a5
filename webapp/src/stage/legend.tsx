import type { Run } from '../model/facts.ts';
import { labelOf, verdicts } from '../model/verdict.ts';
import { FaceMark } from './icons.tsx';

/** The marks that occur in a run, in words. */
export function Legend({ run }: { run: Run }) {
  const facts = run.lanes.flatMap((lane) => lane.facts);
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
      {verdicts
        .filter((verdict) => occurring.has(verdict))
        .map((verdict) => (
          <li key={verdict}>
            <FaceMark face={verdict} />
            {labelOf(verdict).toLowerCase()}
          </li>
        ))}
    </ul>
  );
}

import { useMemo } from 'react';
import { matchCalls, useCalls } from '../../shared/calls.ts';
import { describe } from '../../shared/operation.ts';
import { Panel } from '../../shared/panel.tsx';
import { useSubmissions } from '../../shared/requests.ts';
import { type Verdict, verdictLabel, verdicts } from '../../shared/submission.ts';
import { useNow } from '../../shared/use-now.ts';
import { VerdictIcon } from '../../shared/verdict-badge.tsx';
import { Axis, Lanes } from './lanes.tsx';
import { formatDuration, layOut, type Row, together } from './model.ts';
import classes from './timeline.module.css';

/** More rows than this are drawn closely. */
const roomy = 6;

/** How often what is under way is drawn anew, in milliseconds: a moving picture, or now and then for those who asked for less motion. */
const frames = { moving: 100, calm: 1_000 };

/** The latest requests, or those around the selected one, in a swimlane each: browser, API, DynamoDB. */
export function Timeline({ selected, onSelect }: { selected: string | undefined; onSelect: (id: string) => void }) {
  const all = useSubmissions();
  const calls = useCalls();
  const shown = useMemo(() => together(all, selected), [all, selected]);
  const underWay = shown.some(({ settlement }) => settlement === undefined);
  const now = useNow(underWay, prefersCalm() ? frames.calm : frames.moving);
  const matched = useMemo(() => matchCalls(all, calls), [all, calls]);
  const timeline = useMemo(() => layOut(shown, matched, now), [shown, matched, now]);
  const dense = timeline.rows.length > roomy;

  return (
    <Panel title="Timeline" note={shown.length > 0 ? summary(timeline.rows) : undefined}>
      {shown.length === 0 ? (
        <p className={classes.empty}>Nothing sent yet. Requests appear here while they are under way.</p>
      ) : (
        <div className={classes.timeline} data-dense={dense}>
          <div className={classes.head}>
            <Axis ticks={timeline.ticks} />
          </div>
          <ol className={classes.rows} aria-label="Requests, oldest first">
            {timeline.rows.map((row) => (
              <li
                key={row.submission.id}
                className={classes.row}
                data-verdict={row.verdict}
                aria-current={row.submission.id === selected}
              >
                <button type="button" className={classes.label} onClick={() => onSelect(row.submission.id)}>
                  <span className={classes.number}>{row.submission.number}</span>
                  <span className={classes.verdict}>
                    <VerdictIcon verdict={row.verdict} /> {verdictLabel(row.verdict)}
                  </span>
                  {!dense && <span className={classes.what}>{what(row)}</span>}
                </button>
                <Lanes row={row} ticks={timeline.ticks} dense={dense} />
                <span className={classes.duration}>{formatDuration(row.durationMs)}</span>
              </li>
            ))}
          </ol>
        </div>
      )}
      <Legend />
    </Panel>
  );
}

function Legend() {
  return (
    <ul className={classes.legend} aria-label="How to read it">
      <li>
        <svg width="22" height="10" aria-hidden="true">
          <line className={classes.browser} x1="1" x2="21" y1="5" y2="5" />
        </svg>
        browser waits
      </li>
      <li>
        <svg width="22" height="10" aria-hidden="true">
          <rect className={classes.attempt} data-verdict="executed" x="1" y="1" width="20" height="8" rx="2" />
        </svg>
        request to the API
      </li>
      <li>
        <svg width="22" height="14" aria-hidden="true" data-verdict="client-cache">
          <circle className={classes.kept} cx="11" cy="7" r="5" />
        </svg>
        answered or kept by the client
      </li>
      <li>
        <svg width="22" height="10" aria-hidden="true">
          <circle className={classes.trip} cx="11" cy="5" r="3.5" />
        </svg>
        DynamoDB asked
      </li>
      <li>
        <svg width="22" height="10" aria-hidden="true">
          <circle className={classes.trip} data-none="true" cx="11" cy="5" r="3.5" />
        </svg>
        answered from the function’s memory
      </li>
    </ul>
  );
}

function what({ submission: { body, attempts, key } }: Row): string {
  const retries = attempts.length > 1 ? `${attempts.length} tries` : undefined;
  return [describe(body).gist, key === undefined && 'no key', retries].filter(Boolean).join(' · ');
}

function summary(rows: readonly Row[]): string {
  const tally = (verdict: Verdict) => rows.filter((row) => row.verdict === verdict).length;
  return verdicts
    .filter((verdict) => tally(verdict) > 0)
    .map((verdict) => `${tally(verdict)} ${verdictLabel(verdict).toLowerCase()}`)
    .join(' · ');
}

function prefersCalm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

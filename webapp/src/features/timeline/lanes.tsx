import type { ReactNode } from 'react';
import { type Verdict, verdictLabel } from '../../shared/submission.ts';
import { type CaptionPlace, placeOfCaption, type Row, type Span, type Tick } from './model.ts';
import classes from './timeline.module.css';

/** Where things are in a swimlane, top to bottom, in pixels. Across, all is in parts of the axis. */
const roomyLanes = { height: 56, browser: 10, api: { top: 19, height: 16 }, store: 46, radius: 4 };
const denseLanes = { height: 22, browser: 8, api: { top: 3, height: 10 }, store: 17.5, radius: 2.75 };

/** What each lane is, and how far down its name stands. */
const names: readonly (readonly [string, number])[] = [
  ['browser', roomyLanes.browser + 3],
  ['API', roomyLanes.api.top + 12],
  ['DynamoDB', roomyLanes.store + 4],
];

const percent = (part: number) => `${part * 100}%`;

/** The moments at the top. */
export function Axis({ ticks }: { ticks: readonly Tick[] }) {
  return (
    <svg className={classes.axis} width="100%" height="20" aria-hidden="true">
      {ticks.map(({ at, label }, i) => (
        <text key={label} x={percent(at)} y="13" textAnchor={i === 0 ? 'start' : at > 0.94 ? 'end' : 'middle'}>
          {label}
        </text>
      ))}
    </svg>
  );
}

/** One request's swimlane. What it says is in its title; its label and duration stand beside it. */
export function Lanes({ row, ticks, dense }: { row: Row; ticks: readonly Tick[]; dense: boolean }) {
  const lanes = dense ? denseLanes : roomyLanes;
  const { verdict, browser, attempts, calls } = row;
  return (
    <svg className={classes.lanes} width="100%" height={lanes.height} role="img" aria-label={story(row)}>
      {ticks.map(({ at, label }) => (
        <line key={label} className={classes.grid} x1={percent(at)} x2={percent(at)} y1="0" y2="100%" />
      ))}
      <line
        className={classes.browser}
        x1={percent(browser.from)}
        x2={percent(browser.to)}
        y1={lanes.browser}
        y2={lanes.browser}
      />
      {!dense &&
        names.map(([name, y]) => (
          <text key={name} className={classes.name} x="-10" y={y} textAnchor="end">
            {name}
          </text>
        ))}
      {!dense && <line className={classes.browserEnd} {...vertical(browser.from, lanes.browser)} />}
      {!dense && <line className={classes.browserEnd} {...vertical(browser.to, lanes.browser)} />}
      {(attempts.length === 0 || verdict === 'queued' || verdict === 'expired') && (
        <g data-verdict={verdict}>
          <circle className={classes.kept} cx={percent(browser.to)} cy={lanes.browser} r={dense ? 3.5 : 6} />
          {!dense && attempts.length === 0 && (
            <Caption span={browser} place="inside" y={lanes.api.top + lanes.api.height - 4} hollow>
              {`${verdictLabel(verdict).toLowerCase()}, no request`}
            </Caption>
          )}
        </g>
      )}
      {attempts.map(({ attempt, ...span }, i) => {
        const shown = shownAs(attempt.verdict, verdict);
        const text = dense ? undefined : caption(shown, attempt.status);
        return (
          <Request
            key={attempt.startedAt}
            span={span}
            place={placeOfCaption(attempts, i)}
            verdict={shown}
            lane={lanes.api}
          >
            {text}
          </Request>
        );
      })}
      {calls.map(({ call, from, to }) => (
        <g key={call.id}>
          <title>{`${call.outcome}: ${call.cost.readUnits} read units, ${call.cost.writeUnits} write units`}</title>
          {call.cost.roundTrips > 1 && (
            <>
              <line className={classes.held} x1={percent(from)} x2={percent(to)} y1={lanes.store} y2={lanes.store} />
              <circle className={classes.trip} cx={percent(from)} cy={lanes.store} r={lanes.radius} />
            </>
          )}
          <circle
            className={classes.trip}
            data-none={call.cost.roundTrips === 0}
            cx={percent(to)}
            cy={lanes.store}
            r={lanes.radius}
          />
        </g>
      ))}
    </svg>
  );
}

function vertical(at: number, y: number) {
  return { x1: percent(at), x2: percent(at), y1: y - 4, y2: y + 4 };
}

/** A bar, never too thin to be seen, and what is written beside it: on the side where there is room. */
function Request({
  span: { from, to },
  place,
  verdict,
  lane,
  children,
}: {
  span: Span;
  place: CaptionPlace | undefined;
  verdict: Verdict;
  lane: { top: number; height: number };
  children: string | undefined;
}) {
  return (
    <g data-verdict={verdict}>
      <rect
        className={classes.attempt}
        data-verdict={verdict}
        y={lane.top}
        height={lane.height}
        rx="2"
        style={{ x: percent(from), width: `max(5px, ${percent(to - from)})` }}
      />
      {children !== undefined && (
        <Caption span={{ from, to }} place={place} y={lane.top + lane.height - 4} hollow={!solid.includes(verdict)}>
          {children}
        </Caption>
      )}
    </g>
  );
}

/** Bars that are filled with their colour. */
const solid: readonly Verdict[] = ['executed', 'executed-again', 'mismatch', 'refused'];

/** What is written beside a bar, or in it. */
function Caption({
  span: { from, to },
  place,
  y,
  hollow,
  children,
}: {
  span: Span;
  place: CaptionPlace | undefined;
  y: number;
  hollow: boolean;
  children: ReactNode;
}) {
  if (place === undefined) {
    return null;
  }
  const position = {
    after: { x: percent(to), dx: 10, textAnchor: 'start' },
    before: { x: percent(from), dx: -8, textAnchor: 'end' },
    inside: { x: percent(from), dx: 8, textAnchor: 'start' },
  } as const;
  return (
    <text className={classes.caption} data-inside={place === 'inside' && !hollow} y={y} {...position[place]}>
      {children}
    </text>
  );
}

/** A request that was executed although it was a duplicate is shown as that. */
function shownAs(attempt: Verdict, submission: Verdict): Verdict {
  return attempt === 'executed' && submission === 'executed-again' ? submission : attempt;
}

function caption(verdict: Verdict, status: number | undefined): string {
  return [status, verdictLabel(verdict).toLowerCase()].filter(Boolean).join(' ');
}

/** The lane in words. */
function story({ attempts, calls }: Row): string {
  const requests = attempts.map(({ attempt }) => caption(attempt.verdict, attempt.status)).join(', then ');
  const writes = calls.reduce((sum, { call }) => sum + call.cost.writeUnits, 0);
  const reads = calls.reduce((sum, { call }) => sum + call.cost.readUnits, 0);
  const cost = calls.length > 0 ? `; DynamoDB: ${reads} read units, ${writes} write units` : '';
  return `Requests: ${requests || 'none'}${cost}`;
}

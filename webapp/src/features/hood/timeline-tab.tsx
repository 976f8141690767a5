import { useEffect, useMemo, useRef, useState } from 'react';
import type { Fact } from '../../model/facts.ts';
import { labelOf } from '../../model/verdict.ts';
import { span } from '../../model/words.ts';
import { usePlayer } from '../../stage/player.ts';
import { type RequestRow, requestsOfLane } from './requests-of.ts';
import type { TabProps } from './tabs.tsx';

/** How many rows of a lane are drawn at first. */
const windowed = 50;

/** What is recorded, to scale, and nothing else. */
export function TimelineTab({ player, onOpen }: TabProps) {
  const plan = usePlayer(player, 'plan');
  const { run, scenario, warp } = plan;
  const head = useRef<HTMLElement>(null);
  const length = Math.max(1, warp.length * 1.03);

  useEffect(
    () =>
      player.onFrame(({ t }) => {
        if (head.current !== null) {
          head.current.style.left = `${Math.min(100, (t / length) * 100).toFixed(2)}%`;
        }
      }),
    [player, length],
  );

  if (warp.length === 0) {
    return <p className="hint">Nothing played yet.</p>;
  }
  const unfit = run.lanes.some(({ fitted }) => fitted === false);
  return (
    <>
      <p className="hint">
        To scale, as recorded:
        <span data-face="executed">
          <i className="lg" />
          executed
        </span>
        <span data-face="executed-again">
          <i className="lg" />
          again
        </span>
        <span data-face="server-replay">
          <i className="lg" />
          replay
        </span>
        <span data-face="server-replay">
          <i className="lg hollow" />
          waits at the record
        </span>
        <span>
          <i className="lg stroke" />
          {scenario.effect === 'order' ? 'order' : 'charge'}
        </span>
      </p>
      {unfit && <p className="hint">Server times do not fit this browser’s clock: order only.</p>}
      <div className="tl">
        <Axis length={length} />
        {run.lanes.map((lane, i) => (
          <LaneRows
            key={scenario.names[i]}
            name={scenario.names[i] ?? ''}
            rows={requestsOfLane(lane, i)}
            facts={lane.facts}
            length={length}
            onOpen={onOpen}
          />
        ))}
        <div className="tl-head" aria-hidden="true">
          <i ref={head} />
        </div>
      </div>
    </>
  );
}

function Axis({ length }: { length: number }) {
  const rough = length / 5;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((one) => one >= rough) ?? rough;
  const ticks = Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => i * step);
  return (
    <div className="tl-axis" aria-hidden="true">
      {ticks.map((t) => (
        <span key={t} style={{ left: `${(t / length) * 100}%` }}>
          {span(t)}
        </span>
      ))}
    </div>
  );
}

function LaneRows({
  name,
  rows,
  facts,
  length,
  onOpen,
}: {
  name: string;
  rows: readonly RequestRow[];
  facts: readonly Fact[];
  length: number;
  onOpen: TabProps['onOpen'];
}) {
  const [all, setAll] = useState(false);
  const bands = useMemo(() => bandsOf(facts, length), [facts, length]);
  const shown = all ? rows : rows.slice(0, windowed);
  const share = (t: number) => Math.max(0, (t / length) * 100);
  return (
    <>
      <h3 className="sub">{name}</h3>
      <ol className="tl-rows" data-dense={rows.length > 6}>
        {shown.map(({ lane, req, from, to = length, source, status, held, charged }) => (
          <li key={req} data-face={source ?? 'request'}>
            <button type="button" className="tl-row" onClick={() => onOpen(lane, req)}>
              <span className="tl-no">{req}</span>
              <svg className="tl-bar" aria-hidden="true">
                <line className="axis" x1="0" x2="100%" y1="50%" y2="50%" />
                <rect className="in" x={`${share(from)}%`} y="25%" width={`${share(to - from)}%`} height="50%" rx="3" />
                {held && (
                  <rect
                    className="held"
                    x={`${share(held.from)}%`}
                    y="38%"
                    width={`${share(held.to - held.from)}%`}
                    height="24%"
                  />
                )}
                {charged !== undefined && (
                  <rect className="at" x={`${share(charged)}%`} y="18%" width="3" height="64%" />
                )}
              </svg>
              <span className="tl-what">
                {source === undefined ? 'under way' : labelOf(source)} {status}
              </span>
            </button>
          </li>
        ))}
        {bands.length > 0 && (
          <li className="tl-rec">
            <span className="tl-row">
              <span className="tl-no">rec</span>
              <svg className="tl-bar" aria-hidden="true">
                {bands.map(({ from, to, status }) => (
                  <g key={from} data-band={status}>
                    <rect x={`${share(from)}%`} y="20%" width={`${share(to - from)}%`} height="60%" rx="4" />
                    {to - from > length * 0.12 && (
                      <text x={`${share(from) + 0.8}%`} y="62%">
                        {status}
                      </text>
                    )}
                  </g>
                ))}
              </svg>
              <span className="tl-what">The record</span>
            </span>
          </li>
        )}
      </ol>
      {rows.length > shown.length && (
        <button type="button" className="btn ghost small" onClick={() => setAll(true)}>
          Show all {rows.length}
        </button>
      )}
    </>
  );
}

/** The record's life: in progress, completed, forgotten. */
function bandsOf(facts: readonly Fact[], length: number) {
  const changes = facts.flatMap(({ kind, t, atomic }) => {
    switch (kind) {
      case 'claimed':
      case 'taken':
        return { t, status: 'in progress' };
      case 'completed':
        return { t, status: 'completed' };
      case 'charged':
        return atomic ? { t, status: 'completed' } : [];
      case 'forgot':
        return { t, status: '' };
      default:
        return [];
    }
  });
  return changes
    .map(({ t, status }, i) => ({ from: t, to: changes[i + 1]?.t ?? length, status }))
    .filter(({ status }) => status !== '');
}

import { type KeyboardEvent, useRef, useState } from 'react';
import { labelOf } from '../../model/verdict.ts';
import { span } from '../../model/words.ts';
import { announce } from '../../shared/announce.ts';
import { curlOf } from '../../shared/curl.ts';
import type { Exchange } from '../../shared/exchange.ts';
import { CodeBlock } from '../../stage/code-block.tsx';
import { FaceMark } from '../../stage/icons.tsx';
import { usePlayer } from '../../stage/player.ts';
import { type RequestRow, requestsOfLane } from './requests-of.ts';
import type { TabProps } from './tabs.tsx';

/** How many rows are drawn at first. */
const windowed = 50;

/** Headers that matter here. */
const notable = /^(idempotency-key|idempotent-replayed|idempotency-expires|retry-after|demo-fault)$/i;
/** Headers that are of no interest to anybody. */
const boring =
  /^(date|connection|keep-alive|vary|x-|via|strict-transport|content-security|cache-control|accept|access-control|apigw|content-length|cross-origin|referrer|permissions)/i;

/** Every request, and the chosen one as it went over the wire. */
export function RequestsTab({ player, exchange, opened, onOpen }: TabProps) {
  const plan = usePlayer(player, 'plan');
  const [all, setAll] = useState(false);
  const list = useRef<HTMLDivElement>(null);
  const rows = plan.run.lanes.flatMap((lane, i) => requestsOfLane(lane, i));
  const chosen = rows.find(({ lane, req }) => lane === opened?.lane && req === opened.req) ?? rows[0];
  if (chosen === undefined) {
    return <p className="hint">Nothing played yet.</p>;
  }
  const shown = all || rows.indexOf(chosen) >= windowed ? rows : rows.slice(0, windowed);
  const onKeyDown = (event: KeyboardEvent) => {
    const at = shown.indexOf(chosen);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: shown.length - 1,
    };
    const next = shown[steps[event.key] ?? -1];
    if (next !== undefined) {
      event.preventDefault();
      onOpen(next.lane, next.req);
      requestAnimationFrame(() => list.current?.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
    }
  };
  return (
    <div className="both">
      <div>
        <div ref={list} className="reqs" role="listbox" aria-label="Requests of both lanes" onKeyDown={onKeyDown}>
          {shown.map((row) => (
            <Row
              key={`${row.lane} ${row.req}`}
              row={row}
              lane={plan.scenario.names[row.lane] ?? ''}
              chosen={row === chosen}
              onOpen={onOpen}
            />
          ))}
        </div>
        {rows.length > shown.length && (
          <button type="button" className="btn ghost small" onClick={() => setAll(true)}>
            Show all {rows.length}
          </button>
        )}
      </div>
      <Wire exchange={exchange(chosen.lane, chosen.req)} row={chosen} lane={plan.scenario.names[chosen.lane] ?? ''} />
    </div>
  );
}

function Row({
  row: { lane: index, req, source, status, from, to },
  lane,
  chosen,
  onOpen,
}: {
  row: RequestRow;
  lane: string;
  chosen: boolean;
  onOpen: TabProps['onOpen'];
}) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the keys
    <div
      className="req-row"
      role="option"
      aria-selected={chosen}
      tabIndex={chosen ? 0 : -1}
      onClick={() => onOpen(index, req)}
    >
      <span className="tl-no">{req}</span>
      <span className="src">
        <FaceMark face={source ?? 'request'} />
        {source === undefined ? 'Under way' : labelOf(source)}
      </span>
      <span className="where">{lane}</span>
      <span>{status ?? '–'}</span>
      <span className="ms">{to === undefined ? '' : span(to - from)}</span>
    </div>
  );
}

/** A request and its response as HTTP text. */
function Wire({ exchange, row, lane }: { exchange: Exchange | undefined; row: RequestRow; lane: string }) {
  const title = `Request ${row.req}, ${lane.toLowerCase()}`;
  if (exchange === undefined) {
    return (
      <div>
        <h3 className="sub">{title}</h3>
        <p className="hint">
          {row.source === 'queued' || row.source === 'waiting' || row.source === 'client-cache'
            ? 'Nothing was sent for it from here.'
            : 'Its headers are kept only as long as the page that sent it.'}
        </p>
      </div>
    );
  }
  const { pathname } = new URL(exchange.url);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(curlOf(exchange));
      announce('Copied as curl');
    } catch {
      announce('The browser does not let this page copy.');
    }
  };
  return (
    <div>
      <h3 className="sub">{title}</h3>
      <Message
        label="The request"
        first={`${exchange.method} ${pathname}`}
        headers={exchange.headers}
        body={exchange.body}
      />
      {exchange.response === undefined ? (
        <p className="hint">No response {row.source === undefined ? 'yet' : 'came'}.</p>
      ) : (
        <Message
          label="The response"
          first={`HTTP ${exchange.response.status}`}
          headers={exchange.response.headers}
          body={exchange.response.body}
        />
      )}
      <p className="acts">
        <button type="button" className="btn ghost small" onClick={() => void copy()}>
          Copy as curl
        </button>
      </p>
    </div>
  );
}

function Message({
  label,
  first,
  headers,
  body,
}: {
  label: string;
  first: string;
  headers: Exchange['headers'];
  body: string;
}) {
  return (
    <CodeBlock label={label}>
      <b>{first}</b>
      {'\n'}
      {headers
        .filter(([name]) => !boring.test(name))
        .map(([name, value]) => (
          <span key={name}>
            <i>{name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())}</i>:{' '}
            {notable.test(name) ? <em className="k">{value}</em> : value}
            {'\n'}
          </span>
        ))}
      {body !== '' && `\n${pretty(body)}`}
    </CodeBlock>
  );
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

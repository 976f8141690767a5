import { Button, VisuallyHidden } from '@mantine/core';
import { type StoredEntry, windowEnd } from 'idempotent-requests';
import { useState } from 'react';
import { describe } from '../../shared/operation.ts';
import { Panel } from '../../shared/panel.tsx';
import { useRequests } from '../../shared/requests.ts';
import { messageOf } from '../../shared/settlement.ts';
import { formatLeft } from '../../shared/time-left.ts';
import { useNow } from '../../shared/use-now.ts';
import { formatBytes } from './bytes.ts';
import classes from './client-cache.module.css';
import { type Stored, useStored } from './use-stored.ts';

/** How many rows are shown at first, and how many more on each demand. */
const page = 5;

/** The window that the client assumes unless the server has said otherwise, in milliseconds. */
const usualWindow = 24 * 60 * 60 * 1_000;

/** What the client keeps in this browser: its intents and their answers. */
export function ClientCache() {
  const { client } = useRequests();
  const { stored, error } = useStored(client);
  const [failure, setFailure] = useState<unknown>();
  const clear = (key?: string) => client.clear(key).then(() => setFailure(undefined), setFailure);
  return (
    <Panel title="Client cache" note="in this browser">
      <div className={classes.frame}>
        {error !== undefined && (
          <p className={classes.empty} role="alert">
            The storage could not be read: {messageOf(error)}
          </p>
        )}
        {failure !== undefined && (
          <p className={classes.empty} role="alert">
            Not cleared: {messageOf(failure)}
          </p>
        )}
        {stored && <Amounts stored={stored} />}
        {stored && stored.entries.length === 0 && (
          <p className={classes.empty}>
            Empty. Each intent is written down here before it is sent, and its answer is kept: the same asked again gets
            it without network.
          </p>
        )}
        {stored && stored.entries.length > 0 && <Entries entries={stored.entries} onClear={clear} />}
        {stored && (
          <ClearAll unfinished={stored.usage.unfinished} empty={stored.entries.length === 0} onClear={() => clear()} />
        )}
      </div>
    </Panel>
  );
}

function Amounts({ stored: { usage, estimate } }: { stored: Stored }) {
  const { entries, unfinished, bytes, limits } = usage;
  return (
    <dl className={classes.amounts}>
      <div>
        <dt>Entries</dt>
        <dd>
          <strong>{entries}</strong> of {limits.entries}
          {unfinished > 0 && <span className={classes.waiting}> · {unfinished} waiting</span>}
        </dd>
      </div>
      <div>
        <dt>Bytes</dt>
        <dd>
          <strong>{formatBytes(bytes)}</strong> of {formatBytes(limits.bytes)}
          <progress aria-label="Bytes used" className={classes.meter} value={bytes} max={limits.bytes} />
        </dd>
      </div>
      <div>
        <dt>Browser’s quota</dt>
        <dd>{estimate ? `${formatBytes(estimate.usage)} of ${formatBytes(estimate.quota)}` : 'not told'}</dd>
      </div>
    </dl>
  );
}

function Entries({ entries, onClear }: { entries: readonly StoredEntry[]; onClear: (key: string) => void }) {
  const [rows, setRows] = useState(page);
  return (
    <>
      <ul className={classes.list} aria-label="Stored intents, newest first">
        {entries.slice(0, rows).map((entry) => (
          <Row key={entry.intent.key} entry={entry} onClear={onClear} />
        ))}
      </ul>
      {entries.length > rows && (
        <Button size="compact-sm" variant="default" onClick={() => setRows(rows + 2 * page)}>
          Show {Math.min(2 * page, entries.length - rows)} more of {entries.length - rows}
        </Button>
      )}
    </>
  );
}

function Row({ entry, onClear }: { entry: StoredEntry; onClear: (key: string) => void }) {
  const now = useNow(true, 1_000);
  const { intent, state, bytes, storage } = entry;
  const { gist } = describe(parse(intent.body));
  const end = windowEnd(intent, usualWindow);
  return (
    <li className={classes.row} data-state={state}>
      <span className={classes.what}>
        <strong>{gist}</strong> <span className={classes.state}>{state.replace('-', ' ')}</span>
      </span>
      <button type="button" className={classes.clear} onClick={() => onClear(intent.key)}>
        Clear
        <VisuallyHidden>
          {' '}
          {gist}, key {intent.key.slice(0, 8)}
        </VisuallyHidden>
      </button>
      <span className={classes.details}>
        <code title={intent.key}>{intent.key.slice(0, 8)}…</code>
        <span>{formatBytes(bytes)}</span>
        <span>{storage}</span>
        {Number.isFinite(end) && <span>{formatLeft(end, now)}</span>}
      </span>
    </li>
  );
}

/** Clears everything; asks first where that would give up on something. */
function ClearAll({ unfinished, empty, onClear }: { unfinished: number; empty: boolean; onClear: () => void }) {
  const [asking, setAsking] = useState(false);
  const clearAll = () => {
    setAsking(false);
    onClear();
  };
  return (
    <div className={classes.all}>
      {asking && unfinished > 0 ? (
        <>
          <span role="alert">
            {unfinished === 1 ? 'One intent has' : `${unfinished} intents have`} no answer yet, and would be given up.
          </span>
          <Button size="compact-sm" variant="default" onClick={clearAll}>
            Clear all the same
          </Button>
          <Button size="compact-sm" variant="default" onClick={() => setAsking(false)}>
            Keep
          </Button>
        </>
      ) : (
        <Button
          size="compact-sm"
          variant="default"
          disabled={empty}
          onClick={() => (unfinished > 0 ? setAsking(true) : clearAll())}
        >
          Clear all
        </Button>
      )}
    </div>
  );
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

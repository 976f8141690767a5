import './tabs.css';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import type { Exchange } from '../../shared/exchange.ts';
import type { Player } from '../../stage/player.ts';
import { LedgerTab } from './ledger-tab.tsx';
import { RecordTab } from './record-tab.tsx';
import { RequestsTab } from './requests-tab.tsx';
import { TimelineTab } from './timeline-tab.tsx';

const tabs = ['Timeline', 'Record', 'Ledger', 'Requests'] as const;
type Tab = (typeof tabs)[number];

/** What the tabs of the hood are given. */
export interface TabProps {
  readonly player: Player;
  readonly exchange: (lane: number, req: number) => Exchange | undefined;
  readonly opened: { readonly lane: number; readonly req: number } | undefined;
  readonly onOpen: (lane: number, req: number) => void;
}

/** The four tabs. */
export default function Tabs(props: TabProps) {
  const { opened } = props;
  const [tab, setTab] = useState<Tab>(opened === undefined ? 'Timeline' : 'Requests');
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (opened !== undefined) {
      setTab('Requests');
    }
  }, [opened]);

  const onKeyDown = (event: KeyboardEvent) => {
    const at = tabs.indexOf(tab);
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: tabs.length - 1,
    };
    const step = steps[event.key];
    const next = step === undefined ? undefined : tabs[(step + tabs.length) % tabs.length];
    if (next !== undefined) {
      event.preventDefault();
      setTab(next);
      list.current?.querySelector<HTMLElement>(`#hood-tab-${next}`)?.focus();
    }
  };

  return (
    <>
      <div ref={list} role="tablist" aria-label="Under the hood" className="tabs" onKeyDown={onKeyDown}>
        {tabs.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`hood-tab-${name}`}
            aria-controls="hood-panel"
            aria-selected={name === tab}
            tabIndex={name === tab ? 0 : -1}
            onClick={() => setTab(name)}
          >
            {name}
          </button>
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a tab panel without a control of its own takes the focus */}
      <div id="hood-panel" role="tabpanel" tabIndex={0} aria-labelledby={`hood-tab-${tab}`}>
        {tab === 'Timeline' && <TimelineTab {...props} />}
        {tab === 'Record' && <RecordTab {...props} />}
        {tab === 'Ledger' && <LedgerTab {...props} />}
        {tab === 'Requests' && <RequestsTab {...props} />}
      </div>
    </>
  );
}

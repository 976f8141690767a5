import { type KeyboardEvent, memo, useLayoutEffect, useRef } from 'react';
import { large } from '../model/tracks.ts';
import { Icon } from './icons.tsx';
import { LaneView } from './lane-view.ts';

/** What a lane is, before anything happens in it. */
export interface LaneProps {
  readonly name: string;
  readonly keyed: boolean;
  readonly protectedLane: boolean;
  /** What stands on the button in the browser. */
  readonly button: string;
  readonly twoTabs: boolean;
  /** Which requests have a place, in order. */
  readonly requests: readonly number[];
  /** The level of the lane's heading. Default 3. */
  readonly heading?: 2 | 3;
  readonly onView: (view: LaneView | undefined) => void;
  /** Called when a request is to be looked at. */
  readonly onOpen?: (req: number) => void;
  /** Called when this lane alone is to be played again. Absent while it can't be. */
  readonly onAgain?: (() => void) | undefined;
}

/** A lane's stations. What happens between them is drawn by a {@link LaneView}, outside React. */
export const Lane = memo(function Lane({
  name,
  keyed,
  protectedLane,
  button,
  twoTabs,
  requests,
  heading = 3,
  onView,
  onOpen,
  onAgain,
}: LaneProps) {
  const root = useRef<HTMLElement>(null);
  const Heading = `h${heading}` as const;
  const size = requests.length <= large ? 'few' : requests.length <= 24 ? 'many' : 'crowd';
  const list = requests.join();

  // biome-ignore lint/correctness/useExhaustiveDependencies: other requests have other places, and so another view
  useLayoutEffect(() => {
    if (root.current !== null) {
      onView(new LaneView(root.current));
    }
    return () => onView(undefined);
  }, [onView, list]);

  return (
    <section
      ref={root}
      className="lane"
      aria-label={name}
      data-keyed={keyed}
      data-protected={protectedLane}
      data-size={size}
    >
      <header className="lane-head">
        <Heading className="lane-name">{name}</Heading>
        <p className="caption" data-part="caption" />
        {onAgain && (
          <button
            type="button"
            className="icon again"
            title="Play this lane again"
            aria-label={`Play this lane again: ${name.toLowerCase()}`}
            onClick={onAgain}
          >
            <Icon name="replay" />
          </button>
        )}
      </header>
      <div className="map" data-part="map">
        <div className="road" aria-hidden="true" />
        <div className="st browser" data-part="browser">
          <div className="bar" aria-hidden="true">
            {twoTabs ? (
              <>
                <span className="tab">Tab 1</span>
                <span className="tab two">Tab 2</span>
              </>
            ) : (
              <>
                <i />
                <i />
                <i />
              </>
            )}
            <span className="net">
              <Icon name="offline" />
              offline
            </span>
          </div>
          <div className="page">
            <span className="pay" data-part="pay" aria-hidden="true">
              {button}
            </span>
            <Slots name={name} requests={requests} size={size} onOpen={onOpen} />
            <span className="status" data-part="status" />
          </div>
        </div>
        <div className="st api" data-part="api">
          <span>API</span>
        </div>
        <div className="st fn" data-part="fn">
          <span className="fn-name" aria-hidden="true">
            Lambda function
          </span>
          <div className="record" data-part="record">
            {keyed ? null : (
              <span className="none">
                no key,
                <br />
                no record
              </span>
            )}
            <div className="rec-in" hidden={!keyed}>
              <span className="rec-key" data-part="record-key" />
              <span className="rec-state" data-part="record-state" />
              <span className="rec-note" data-part="record-note" />
              <span className="rec-note lease">
                <svg viewBox="0 0 22 22" aria-hidden="true">
                  <circle cx="11" cy="11" r="9" />
                  <circle className="arc" cx="11" cy="11" r="9" />
                </svg>
                lease <b data-part="lease-left" />
              </span>
            </div>
          </div>
          <div className="handler" data-part="handler">
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d="M7 4h2.6l7 16M11 9.5 6 20" />
            </svg>
            <span className="h-name">Handler</span>
            <div className="bolt" data-part="bolt" aria-hidden="true">
              <svg viewBox="0 0 24 24" aria-hidden="true">
                <path d="M13.5 1.5 4 13.5h6.2L8.6 22.5 20 9.5h-7z" />
              </svg>
            </div>
          </div>
        </div>
        <div className="st ledger" data-part="ledger">
          <div className="amount">
            <strong data-part="sum" />
            <span data-part="ledger-line" />
          </div>
          <div className="towers" data-part="towers" />
        </div>
        <div className="cut" data-part="cut" aria-hidden="true" />
        <div className="air" data-part="air" aria-hidden="true" />
        <p className="n n-sent" data-part="sent" />
        <p className="n n-rec" data-part="stopped" />
        <p className="n n-runs" data-part="runs" />
      </div>
    </section>
  );
});

/** The requests' places in the browser: a list box, of which one place can be tabbed to. */
function Slots({
  name,
  requests,
  size,
  onOpen,
}: {
  name: string;
  requests: readonly number[];
  size: string;
  onOpen: LaneProps['onOpen'];
}) {
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const slot = (event.target as HTMLElement).closest<HTMLElement>('[data-slot]');
    if (slot === null) {
      return;
    }
    const all = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-slot]')];
    const at = all.indexOf(slot);
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: all.length - 1,
    };
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onOpen?.(Number(slot.dataset.slot));
      return;
    }
    const next = all[steps[event.key] ?? -1];
    if (next !== undefined) {
      event.preventDefault();
      slot.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  };
  return (
    <div
      className="slots"
      role="listbox"
      aria-label={`Requests, ${name.toLowerCase()}`}
      aria-orientation="horizontal"
      onKeyDown={onKeyDown}
      onClick={(event) => {
        const slot = (event.target as HTMLElement).closest<HTMLElement>('[data-slot]');
        if (slot !== null) {
          onOpen?.(Number(slot.dataset.slot));
        }
      }}
    >
      {requests.map((req, i) => (
        <div
          key={req}
          className="slot"
          role="option"
          aria-selected="false"
          aria-label={`Request ${req}`}
          data-slot={req}
          tabIndex={i === 0 ? 0 : -1}
        >
          {size === 'few' && <span aria-hidden="true">{req}</span>}
        </div>
      ))}
    </div>
  );
}

/** The row of labels above the lanes. */
export function Labels() {
  return (
    <div className="labels" aria-hidden="true">
      <span>Browser</span>
      <span className="l-api">API</span>
      <span className="l-fn">
        <b>Record in DynamoDB</b>
        <b>Handler</b>
      </span>
      <span>Ledger</span>
    </div>
  );
}

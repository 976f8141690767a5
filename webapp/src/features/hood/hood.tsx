import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { Icon } from '../../stage/icons.tsx';
import type { TabProps } from './tabs.tsx';

const Tabs = lazy(() => import('./tabs.tsx'));

const storageKey = 'idempotent-requests.hood';

/** What lies below the stage: the timeline to scale, the record, the ledger, every request. Loaded when it is opened. */
export function Hood(props: TabProps): ReactNode {
  const { opened } = props;
  const [open, setOpen] = useState(wasOpen);

  useEffect(() => {
    if (opened !== undefined) {
      setOpen(true);
    }
  }, [opened]);

  const toggle = () => {
    setOpen(!open);
    remember(!open);
  };

  return (
    <section className="hood" aria-labelledby="hood-title">
      <h2 id="hood-title">
        <button type="button" aria-expanded={open} aria-controls="hood-body" onClick={toggle}>
          <Icon name="right" />
          Under the hood<span>timeline to scale, record, ledger, every request’s headers</span>
        </button>
      </h2>
      <div id="hood-body" hidden={!open}>
        {open && (
          <Suspense fallback={null}>
            <Tabs {...props} />
          </Suspense>
        )}
      </div>
    </section>
  );
}

function wasOpen(): boolean {
  try {
    return localStorage.getItem(storageKey) === 'open';
  } catch {
    return false;
  }
}

function remember(open: boolean): void {
  try {
    localStorage.setItem(storageKey, open ? 'open' : 'closed');
  } catch {
    // Refused: it is closed again after a reload.
  }
}

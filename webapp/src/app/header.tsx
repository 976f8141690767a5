import { type KeyboardEvent, useSyncExternalStore } from 'react';
import { addressWith, goTo, type View } from '../shared/address.ts';
import { type ColorScheme, setColorScheme, useColorScheme } from '../shared/color-scheme.ts';
import { docsHome } from '../shared/docs.ts';
import { Icon } from '../stage/icons.tsx';

/** The page's name, its views, and its colours. */
export function Header({ view }: { view: View }) {
  const link = (name: string, to: View | undefined) => {
    const href = addressWith(location.href, { view: to === 'playground' ? to : undefined });
    return (
      <a
        href={href}
        aria-current={to === view ? 'page' : undefined}
        onClick={(event) => {
          if (!event.metaKey && !event.ctrlKey && !event.shiftKey) {
            event.preventDefault();
            goTo(href);
            window.scrollTo(0, 0);
          }
        }}
      >
        {name}
      </a>
    );
  };
  return (
    <header className="top">
      <a
        className="brand"
        href={addressWith(location.href, { view: undefined, scenario: undefined })}
        aria-label="Idempotent requests, start"
      >
        <Brand />
        <span>Idempotent requests</span>
      </a>
      <nav aria-label="Views" className="views">
        {link('Scenarios', 'play')}
        {link('Playground', 'playground')}
        <a href="#how" className="wide">
          How it works
        </a>
      </nav>
      <div className="tools">
        <Connection />
        <a className="wide" href={docsHome}>
          Docs
        </a>
        <Schemes />
      </div>
    </header>
  );
}

function Brand() {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="8" className="brand-bg" />
      <g fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round">
        <path d="M6.5 9.5c6 0 5.5 6.5 11 6.5M6.5 22.5c6 0 5.5-6.5 11-6.5" />
      </g>
      <circle cx="23" cy="16" r="3.6" fill="#fff" />
    </svg>
  );
}

/** Says so if there is no network. */
function Connection() {
  const online = useSyncExternalStore(
    (onChange) => {
      window.addEventListener('online', onChange);
      window.addEventListener('offline', onChange);
      return () => {
        window.removeEventListener('online', onChange);
        window.removeEventListener('offline', onChange);
      };
    },
    () => navigator.onLine,
  );
  return (
    <span className="connection" role="status">
      {!online && (
        <>
          <Icon name="offline" />
          Offline
        </>
      )}
    </span>
  );
}

const schemes = [
  { scheme: 'light', name: 'Light', icon: 'sun' },
  { scheme: 'auto', name: 'Like the system', icon: 'screen' },
  { scheme: 'dark', name: 'Dark', icon: 'moon' },
] as const satisfies readonly { scheme: ColorScheme; name: string; icon: string }[];

/** The colour scheme: three choices, or on a narrow screen one button that goes through them. */
function Schemes() {
  const chosen = useColorScheme();
  const at = schemes.findIndex(({ scheme }) => scheme === chosen);
  const after = (step: number) => schemes[(at + step + schemes.length) % schemes.length] ?? schemes[1];
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = after(step);
      setColorScheme(next.scheme);
      event.currentTarget.querySelector<HTMLElement>(`[data-scheme="${next.scheme}"]`)?.focus();
    }
  };
  const current = schemes[at] ?? schemes[1];
  return (
    <>
      <button
        type="button"
        className="icon cycle"
        aria-label={`Colour scheme: ${current.name.toLowerCase()}`}
        onClick={() => setColorScheme(after(1).scheme)}
      >
        <Icon name={current.icon} />
      </button>
      <div className="schemes" role="radiogroup" aria-label="Colour scheme" onKeyDown={onKeyDown}>
        {schemes.map(({ scheme, name, icon }) => (
          // biome-ignore lint/a11y/useSemanticElements: a radio with a drawing in it, in a group with keys of its own
          <button
            key={scheme}
            type="button"
            role="radio"
            data-scheme={scheme}
            aria-checked={scheme === chosen}
            tabIndex={scheme === chosen ? 0 : -1}
            title={name}
            onClick={() => setColorScheme(scheme)}
          >
            <Icon name={icon} />
            <span className="sr">{name}</span>
          </button>
        ))}
      </div>
    </>
  );
}

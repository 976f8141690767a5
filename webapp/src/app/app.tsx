import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { Hood } from '../features/hood/index.ts';
import { HowItWorks } from '../features/how/index.ts';
import { PlayView } from '../features/play/index.ts';
import { useAddress, viewOf } from '../shared/address.ts';
import { useAnnounced } from '../shared/announce.ts';
import type { Config } from '../shared/config.ts';
import type { SessionStore } from '../shared/session.ts';
import { Footer } from './footer.tsx';
import { Header } from './header.tsx';

const Playground = lazy(() => import('./playground/playground.tsx'));

/** The page. @param config what the deployment says, once it has said it */
export function App({ config, sessions }: { config: () => Promise<Config>; sessions: SessionStore }) {
  const view = viewOf(useAddress());
  const known = useConfig(config);
  const [visited, setVisited] = useState(view === 'playground');
  const [toast, showToast] = useToast();
  useEffect(() => {
    if (view === 'playground') {
      setVisited(true);
      document.title = 'Playground · Idempotent requests';
    }
  }, [view]);

  return (
    <>
      <a className="skip" href={view === 'play' ? '#stage' : '#playground'}>
        Skip to the {view === 'play' ? 'stage' : 'playground'}
      </a>
      <Header view={view} />
      <main id="main">
        <div id="view-play" hidden={view !== 'play'}>
          <PlayView config={known} config$={config} toast={showToast} hood={(props) => <Hood {...props} />} />
        </div>
        {(visited || view === 'playground') && (
          <div className="view-playground" id="playground" tabIndex={-1} hidden={view !== 'playground'}>
            <Suspense fallback={<p className="loading">Loading the playground…</p>}>
              {known && <Playground config={known} sessions={sessions} />}
            </Suspense>
          </div>
        )}
        <HowItWorks toast={showToast} />
      </main>
      <Footer sessions={sessions} />
      <Announcements />
      {/* Said by the region above; this is for the eyes. */}
      <div className="toast" data-on={toast !== ''} aria-hidden="true">
        {toast}
      </div>
    </>
  );
}

/** The one region in which the page speaks to those who hear it. */
function Announcements() {
  return (
    <div className="sr" role="status" aria-live="polite" id="live">
      {useAnnounced()}
    </div>
  );
}

function useConfig(load: () => Promise<Config>): Config | undefined {
  const [config, setConfig] = useState<Config>();
  useEffect(() => {
    void load().then(setConfig);
  }, [load]);
  return config;
}

/** A message that goes by itself. */
function useToast(): readonly [string, (text: string) => void] {
  const [text, setText] = useState('');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const show = useCallback((next: string) => {
    clearTimeout(timer.current);
    setText(next);
    timer.current = setTimeout(() => setText(''), 2_600);
  }, []);
  return [text, show];
}

import { useMemo, useSyncExternalStore } from 'react';
import { createApi } from '../shared/api.ts';
import { ApiProvider } from '../shared/api-context.ts';
import type { Config } from '../shared/config.ts';
import type { SessionStore } from '../shared/session.ts';
import classes from './app.module.css';
import { Demo } from './demo.tsx';
import { Header } from './header.tsx';
import { Providers } from './providers.tsx';

/** The page. */
export function App({ config, sessions }: { config: Config; sessions: SessionStore }) {
  const session = useSyncExternalStore(sessions.subscribe, sessions.get);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the API is bound to the session that the store has now
  const api = useMemo(() => createApi(config, sessions), [config, sessions, session.id]);

  /** Nothing of the old session stays behind in this browser. */
  async function renew() {
    await api.client.clear();
    api.client.close();
    sessions.renew();
  }

  return (
    <Providers>
      <div className={classes.page}>
        <ApiProvider value={api}>
          <Header onNewSession={() => void renew()} />
          <Demo key={session.id} requestsSent={session.requestsSent} />
        </ApiProvider>
      </div>
    </Providers>
  );
}

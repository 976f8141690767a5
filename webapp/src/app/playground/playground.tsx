import './styles.ts';
import './playground.css';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { ByHand } from '../../features/by-hand/index.ts';
import { ClientCache } from '../../features/client-cache/index.ts';
import { Ledger, Totals } from '../../features/evidence/index.ts';
import { History } from '../../features/history/index.ts';
import { Inspector, refreshRecord } from '../../features/inspector/index.ts';
import { Operations } from '../../features/operations/index.ts';
import { refreshActivity } from '../../shared/activity.ts';
import { createApi } from '../../shared/api.ts';
import { ApiProvider, useApi } from '../../shared/api-context.ts';
import { refreshCalls } from '../../shared/calls.ts';
import { useDark } from '../../shared/color-scheme.ts';
import type { Config } from '../../shared/config.ts';
import { createRequests, RequestsProvider } from '../../shared/requests.ts';
import type { SessionStore } from '../../shared/session.ts';
import { messageOf } from '../../shared/settlement.ts';
import { Providers } from './providers.tsx';

/** The forms, and what comes of each press: one session's work. */
export default function Playground({ config, sessions }: { config: Config; sessions: SessionStore }) {
  const session = useSyncExternalStore(sessions.subscribe, sessions.get);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the API is bound to the session that the store has now
  const api = useMemo(() => createApi(config, sessions), [config, sessions, session.id]);
  const dark = useDark();
  const [failure, setFailure] = useState<string>();

  /** Nothing of the old session stays behind in this browser. */
  async function renew() {
    try {
      await api.client.clear();
    } catch (error) {
      setFailure(`The old session is still here, it can’t be cleared: ${messageOf(error)}`);
      return;
    }
    setFailure(undefined);
    api.client.close();
    sessions.renew();
  }

  return (
    <Providers dark={dark}>
      <ApiProvider value={api}>
        {failure !== undefined && <p role="alert">{failure}</p>}
        <Session key={session.id} requestsSent={session.requestsSent} onRenew={() => void renew()} />
      </ApiProvider>
    </Providers>
  );
}

function Session({ requestsSent, onRenew }: { requestsSent: number; onRenew: () => void }) {
  const queries = useQueryClient();
  const api = useApi();
  const [selected, setSelected] = useState<string>();
  const requests = useMemo(
    () =>
      createRequests(api, () => {
        refreshActivity(queries);
        refreshCalls(queries);
        refreshRecord(queries);
      }),
    [api, queries],
  );
  useEffect(() => requests.follow(), [requests]);
  return (
    <RequestsProvider value={requests}>
      <section className="pg" aria-labelledby="pg-title">
        <header className="pg-head">
          <div>
            <h1 id="pg-title">Playground</h1>
            <p>
              Press the buttons yourself. What you see below is what the API and the client in this browser really did.
            </p>
          </div>
          <button type="button" className="btn ghost" onClick={onRenew}>
            New session
          </button>
        </header>
        <div className="pg-grid">
          <Operations />
          <div className="pg-right">
            <div className="card flush">
              <ByHand />
              <Totals requestsSent={requestsSent} />
            </div>
            <div className="pg-cards">
              <History selected={selected} onSelect={setSelected} />
              <Ledger />
              <ClientCache />
              <Inspector selected={selected} />
            </div>
          </div>
        </div>
      </section>
    </RequestsProvider>
  );
}

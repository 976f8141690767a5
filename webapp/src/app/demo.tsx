import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { ClientCache } from '../features/client-cache/index.ts';
import { countActivity, Evidence, Ledger, refreshActivity } from '../features/evidence/index.ts';
import { History } from '../features/history/index.ts';
import { Inspector, refreshRecord } from '../features/inspector/index.ts';
import { Operations } from '../features/operations/index.ts';
import { Scenarios, Stage, useScenarios } from '../features/scenarios/index.ts';
import { Timeline } from '../features/timeline/index.ts';
import { useApi } from '../shared/api-context.ts';
import { refreshCalls } from '../shared/calls.ts';
import { createRequests, RequestsProvider } from '../shared/requests.ts';
import classes from './app.module.css';

/** One session's work: what is asked on one side, what comes of it on the other. */
export function Demo({ requestsSent }: { requestsSent: number }) {
  const api = useApi();
  const queries = useQueryClient();
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
      <Parts requestsSent={requestsSent} />
    </RequestsProvider>
  );
}

function Parts({ requestsSent }: { requestsSent: number }) {
  const api = useApi();
  const count = useCallback(() => countActivity(api), [api]);
  const runs = useScenarios(count);
  const [selected, setSelected] = useState<string>();

  return (
    <main className={classes.main}>
      <div className={classes.stage}>
        <Stage runs={runs} />
      </div>
      <div className={classes.column}>
        <Scenarios runs={runs} />
      </div>
      <div className={classes.column}>
        <Evidence requestsSent={requestsSent} />
        <Timeline selected={selected} onSelect={setSelected} />
        <Inspector selected={selected} />
      </div>
      <div className={classes.column}>
        <Operations />
        <ClientCache />
      </div>
      <div className={classes.column}>
        <Ledger />
        <History selected={selected} onSelect={setSelected} />
      </div>
    </main>
  );
}

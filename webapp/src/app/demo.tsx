import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { countActivity, Evidence, Ledger, refreshActivity } from '../features/evidence/index.ts';
import { History } from '../features/history/index.ts';
import { Inspector, refreshRecord } from '../features/inspector/index.ts';
import { Operations } from '../features/operations/index.ts';
import { Scenarios, Story, useScenarios } from '../features/scenarios/index.ts';
import { Timeline } from '../features/timeline/index.ts';
import { useApi } from '../shared/api-context.ts';
import { refreshCalls } from '../shared/calls.ts';
import { type Requests, RequestsProvider } from '../shared/requests.ts';
import { send } from '../shared/send.ts';
import { createSubmissionLog } from '../shared/submission-log.ts';
import classes from './app.module.css';

/** One session's work: what is asked on one side, what comes of it on the other. */
export function Demo({ requestsSent }: { requestsSent: number }) {
  const api = useApi();
  const queries = useQueryClient();
  const requests = useMemo<Requests>(() => {
    const log = createSubmissionLog(api.sessionId);
    return {
      log,
      send: async (sending) => {
        const sent = await send(api, log, sending);
        refreshActivity(queries);
        refreshCalls(queries);
        refreshRecord(queries);
        return sent;
      },
    };
  }, [api, queries]);
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
      <div className={classes.column}>
        <Scenarios runs={runs} />
      </div>
      <div className={classes.column}>
        <Story runs={runs} />
        <Evidence requestsSent={requestsSent} />
        <Timeline selected={selected} onSelect={setSelected} />
      </div>
      <div className={classes.column}>
        <Operations />
      </div>
      <div className={classes.column}>
        <History selected={selected} onSelect={setSelected} />
        <Inspector selected={selected} />
        <Ledger />
      </div>
    </main>
  );
}

import { useCallback, useEffect, useRef, useState } from 'react';
import { useApi } from '../../shared/api-context.ts';
import { pathOf } from '../../shared/operation.ts';
import { useRequests } from '../../shared/requests.ts';
import type { Submission } from '../../shared/submission.ts';
import { type Run, type Scenario, type Send, scenarios } from './scenario.ts';

/** How much has happened in the session so far. */
export interface Counts {
  readonly executions: number;
  readonly effects: number;
}

/** The scenarios' state. */
export interface ScenarioRuns {
  /** The scenario that the page's address names or that was played last. */
  readonly chosen: Scenario | undefined;
  /** The one that is under way. */
  readonly playing: { readonly run: string; readonly scenario: Scenario; readonly guarded: boolean } | undefined;
  /** The chosen scenario's latest runs. */
  readonly guarded: Run | undefined;
  readonly unguarded: Run | undefined;
  /** The later of the two. */
  readonly latest: Run | undefined;
  readonly play: (scenario: Scenario, guarded: boolean, count: number) => void;
}

const parameter = 'scenario';
const payment = { amount: 1250, currency: 'EUR', description: 'Two coffees and a cake' };

/**
 * Plays scenarios, one at a time.
 *
 * @param count reads from the API how much has happened; undefined where it can't
 */
export function useScenarios(count: () => Promise<Counts | undefined>): ScenarioRuns {
  const api = useApi();
  const { send } = useRequests();
  const [chosen, setChosen] = useState(fromAddress);
  const [playing, setPlaying] = useState<ScenarioRuns['playing']>();
  const [runs, setRuns] = useState<readonly Run[]>([]);
  const busy = useRef(false);

  useEffect(() => {
    const onNavigation = () => setChosen(fromAddress());
    window.addEventListener('popstate', onNavigation);
    return () => window.removeEventListener('popstate', onNavigation);
  }, []);

  const perform = useCallback(
    async (scenario: Scenario, guarded: boolean, duplicates: number) => {
      const run = crypto.randomUUID();
      setPlaying({ run, scenario, guarded });
      const before = await count();
      const submissions: Submission[] = [];

      const intend = async (): Promise<Send> => {
        const body = payment;
        const idempotent = api.idempotent();
        const url = api.url(pathOf('payments.create'));
        const intent = guarded ? await idempotent.prepare({ url, body }) : undefined;
        let sentBefore = false;
        return async ({ amount, ...conduct } = {}) => {
          const repeats = sentBefore;
          sentBefore = true;
          const asked = amount === undefined ? body : { ...body, amount };
          const other =
            asked === body || !intent
              ? intent
              : { ...(await idempotent.prepare({ url, body: asked })), key: intent.key };
          const sent = await send({
            operation: 'payments.create',
            body: asked,
            guarded,
            intent: other,
            repeats,
            run,
            ...conduct,
          });
          submissions.push(sent.submission);
        };
      };
      await scenario.play({ guarded, count: duplicates, intend, wait });

      const after = await count();
      const gained = before &&
        after && { executions: after.executions - before.executions, effects: after.effects - before.effects };
      submissions.sort((a, b) => a.number - b.number);
      setRuns((all) => [
        { scenario, guarded, submissions, gained },
        ...all.filter((one) => one.scenario !== scenario || one.guarded !== guarded),
      ]);
      setPlaying(undefined);
    },
    [api, count, send],
  );

  const play = useCallback(
    (scenario: Scenario, guarded: boolean, duplicates: number) => {
      if (busy.current) {
        return;
      }
      busy.current = true;
      setChosen(scenario);
      toAddress(scenario);
      void perform(scenario, guarded, duplicates).finally(() => {
        busy.current = false;
      });
    },
    [perform],
  );

  const ofChosen = runs.filter(({ scenario }) => scenario === chosen);
  return {
    chosen,
    playing,
    guarded: ofChosen.find((run) => run.guarded),
    unguarded: ofChosen.find((run) => !run.guarded),
    latest: ofChosen[0],
    play,
  };
}

function fromAddress(): Scenario | undefined {
  const named = new URLSearchParams(location.search).get(parameter);
  return scenarios.find(({ id }) => id === named);
}

function toAddress({ id }: Scenario) {
  const address = new URL(location.href);
  if (address.searchParams.get(parameter) !== id) {
    address.searchParams.set(parameter, id);
    history.pushState(null, '', address);
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

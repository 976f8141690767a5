import { browser } from 'idempotent-requests';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useApi } from '../../shared/api-context.ts';
import { useRequests } from '../../shared/requests.ts';
import { createBench, submissionsOf } from './bench.ts';
import { type Run, type Scenario, scenarios } from './scenario.ts';
import { openSecondTab, useSecondTab } from './second-tab.ts';

/** How much has happened in the session so far. */
export interface Counts {
  readonly executions: number;
  readonly effects: number;
}

/** A run that is under way. */
interface Playing {
  readonly id: string;
  readonly scenario: Scenario;
  readonly guarded: boolean;
}

/** The scenarios' state. */
export interface ScenarioRuns {
  /** The scenario that the page's address names or that was played last; the first where there is neither. */
  readonly chosen: Scenario;
  /** The run that is under way. */
  readonly playing: Playing | undefined;
  /** The chosen scenario's latest runs. */
  readonly guarded: Run | undefined;
  readonly unguarded: Run | undefined;
  /** The later of the two. */
  readonly latest: Run | undefined;
  /** How many duplicates a scenario makes that leaves the choice. */
  readonly count: number;
  readonly setCount: (count: number) => void;
  readonly play: (scenario: Scenario, guarded: boolean) => void;
}

/** What a run needs to go on after a reload. */
interface Resumable {
  readonly session: string;
  readonly id: string;
  readonly scenario: string;
  readonly guarded: boolean;
  readonly count: number;
  readonly before?: Counts | undefined;
}

const parameter = 'scenario';

/**
 * Plays scenarios, one at a time.
 *
 * @param count reads from the API how much has happened; undefined where it can't
 */
export function useScenarios(count: () => Promise<Counts | undefined>): ScenarioRuns {
  const api = useApi();
  const requests = useRequests();
  const [chosen, setChosen] = useState(fromAddress);
  const [playing, setPlaying] = useState<Playing>();
  const [duplicates, setDuplicates] = useState(20);
  const [runs, setRuns] = useState<readonly Run[]>([]);
  const busy = useRef(false);
  useSecondTab(chosen);

  useEffect(() => {
    const onNavigation = () => setChosen(fromAddress());
    window.addEventListener('popstate', onNavigation);
    return () => window.removeEventListener('popstate', onNavigation);
  }, []);

  const perform = useCallback(
    async (scenario: Scenario, run: Resumable, act: 'play' | 'afterReload') => {
      const { id, guarded } = run;
      busy.current = true;
      setChosen(scenario);
      setPlaying({ id, scenario, guarded });
      const before = act === 'play' ? await count() : run.before;
      const reload = () => {
        remember({ ...run, before });
        location.reload();
        return new Promise<never>(() => {});
      };
      try {
        await scenario[act]?.(createBench(api, requests, run, reload));
      } catch (error) {
        console.warn('a scenario did not come to its end:', error);
      } finally {
        api.network.plugIn();
      }
      const after = await count();
      const gained = before &&
        after && { executions: after.executions - before.executions, effects: after.effects - before.effects };
      const submissions = submissionsOf(requests.log.get(), id);
      setRuns((all) => [
        { id, scenario, guarded, submissions, gained },
        ...all.filter((one) => one.scenario !== scenario || one.guarded !== guarded),
      ]);
      setPlaying(undefined);
      busy.current = false;
    },
    [api, count, requests],
  );

  const play = useCallback(
    (scenario: Scenario, guarded: boolean) => {
      if (busy.current) {
        return;
      }
      const id = browser.randomUUID();
      if (scenario.twoTabs) {
        openSecondTab(scenario.id, id); // at once: browsers let a click open a window, and nothing later
      }
      toAddress(scenario);
      void perform(scenario, { session: api.sessionId, id, scenario: scenario.id, guarded, count: duplicates }, 'play');
    },
    [api, duplicates, perform],
  );

  useEffect(() => {
    const run = recall(api.sessionId);
    const scenario = scenarios.find(({ id }) => id === run?.scenario);
    if (run !== undefined && scenario !== undefined) {
      void perform(scenario, run, 'afterReload');
    } else if (!busy.current) {
      api.network.plugIn(); // whoever unplugged it is gone
    }
  }, [api, perform]);

  const ofChosen = runs.filter(({ scenario }) => scenario === chosen);
  return {
    chosen,
    playing,
    guarded: ofChosen.find((run) => run.guarded),
    unguarded: ofChosen.find((run) => !run.guarded),
    latest: ofChosen[0],
    count: duplicates,
    setCount: setDuplicates,
    play,
  };
}

function fromAddress(): Scenario {
  const named = new URLSearchParams(location.search).get(parameter);
  return scenarios.find(({ id }) => id === named) ?? scenarios[0];
}

function toAddress({ id }: Scenario) {
  const address = new URL(location.href);
  if (address.searchParams.get(parameter) !== id) {
    address.searchParams.set(parameter, id);
    history.pushState(null, '', address);
  }
}

const storageKey = 'idempotent-requests.run';

function remember(run: Resumable) {
  sessionStorage.setItem(storageKey, JSON.stringify(run));
}

/** What was remembered, once. */
function recall(session: string): Resumable | undefined {
  try {
    const stored = sessionStorage.getItem(storageKey);
    sessionStorage.removeItem(storageKey);
    const run = JSON.parse(stored ?? 'null') as Resumable | null;
    return run?.session === session ? run : undefined;
  } catch {
    return undefined;
  }
}

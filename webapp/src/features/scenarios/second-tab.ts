import { useEffect } from 'react';
import { useRequests } from '../../shared/requests.ts';
import type { Submission } from '../../shared/submission.ts';
import type { SubmissionLog } from '../../shared/submission-log.ts';
import type { Scenario } from './scenario.ts';

const parameter = 'second';

/** How long the second tab shows what has happened before it closes itself, in milliseconds. */
const farewell = 1_500;

/** Opens the page in a second window, for the run. Nothing happens where the browser does not allow that. */
export function openSecondTab(scenario: string, run: string): void {
  const address = new URL(location.href);
  address.search = '';
  address.searchParams.set('scenario', scenario);
  address.searchParams.set(parameter, run);
  window.open(address, '_blank', 'popup,width=460,height=640');
}

/** The run for which this page is the second tab, if it is. */
export function secondTabOf(): string | undefined {
  return new URLSearchParams(location.search).get(parameter) ?? undefined;
}

/** In the second tab: submits what the first has, once it has, and closes the tab. */
export function useSecondTab(scenario: Scenario): void {
  const requests = useRequests();
  useEffect(() => {
    const run = secondTabOf();
    if (run === undefined || !scenario.twoTabs || requests.log.get().some((one) => one.run === run && one.secondTab)) {
      return;
    }
    let cancelled = false;
    void firstOf(requests.log, run).then(async ({ operation, url, body, key }) => {
      if (cancelled) {
        return;
      }
      const about = { run, secondTab: true, repeats: true };
      await (key === undefined
        ? requests.sendUnprotected(operation, body, about)
        : requests.submit('submit', { url, body }, about));
      setTimeout(() => window.close(), farewell);
    });
    return () => {
      cancelled = true;
    };
  }, [requests, scenario]);
}

/** The run's first submission, once there is one. */
function firstOf(log: SubmissionLog, run: string): Promise<Submission> {
  return new Promise((resolve) => {
    const check = () => {
      const first = log.get().find((one) => one.run === run && !one.secondTab);
      if (first !== undefined) {
        unsubscribe();
        resolve(first);
      }
    };
    const unsubscribe = log.subscribe(check);
    check();
  });
}

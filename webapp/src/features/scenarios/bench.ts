import type { Intent } from 'idempotent-requests';
import type { Api } from '../../shared/api.ts';
import { pathOf } from '../../shared/operation.ts';
import type { Requests } from '../../shared/requests.ts';
import { isSettled, type Submission } from '../../shared/submission.ts';
import type { Bench, Deed, Wish } from './scenario.ts';

/** What is bought in all scenarios that don't say otherwise. */
const payment = { amount: 1250, currency: 'EUR', description: 'Two coffees and a cake' };

/** How long to wait for what should happen, in milliseconds. */
const patience = 45_000;

/** Equips one run of a scenario. @param reload loads the page anew */
export function createBench(
  api: Api,
  requests: Requests,
  run: { readonly id: string; readonly guarded: boolean; readonly count: number },
  reload: () => Promise<never>,
): Bench {
  const { guarded, count } = run;
  const { log } = requests;

  async function intend(wish: Partial<Wish> = {}): Promise<Deed> {
    const { operation = 'payments.create', body = payment, keyed = guarded, forgottenInMs } = wish;
    let begun = false;
    const about = () => {
      const repeats = begun;
      begun = true;
      return { run: run.id, repeats };
    };
    if (!keyed) {
      const send: Deed['submit'] = ({ fault, retry } = {}) =>
        requests.sendUnprotected(operation, body, { ...about(), fault, tries: retry?.maxAttempts ?? 1 });
      return { submit: send, resend: send };
    }
    const request = { url: api.url(pathOf(operation)), body };
    const prepared = await requests.client.prepare(request);
    const intent: Intent =
      forgottenInMs === undefined ? prepared : { ...prepared, expiresAt: Date.now() + forgottenInMs };
    let written: Promise<unknown> = Promise.resolve();
    return {
      submit: ({ fault } = {}) => {
        written = untilWritten(requests, intent.key);
        const done = requests.submit('submitAsNew', intent, { ...about(), fault });
        written = Promise.race([written, done]);
        return done;
      },
      resend: async ({ amount, ...conduct } = {}) => {
        // A duplicate never overtakes the writing down: whatever happens to this page, the intent is not lost.
        await written;
        const other =
          amount === undefined
            ? undefined
            : await requests.client.prepare({ ...request, body: { ...payment, amount } });
        return requests.resend(other ? { ...other, key: intent.key } : intent, { ...about(), ...conduct });
      },
    };
  }

  return {
    guarded,
    count,
    network: api.network,
    intend,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    settled: (expected) =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (submissionsOf(log.get(), run.id).filter(isSettled).length >= expected) {
            end(resolve);
          }
        };
        const unsubscribe = log.subscribe(check);
        const timer = setTimeout(() => end(() => reject(new Error('it took too long'))), patience);
        const end = (then: () => void) => {
          clearTimeout(timer);
          unsubscribe();
          then();
        };
        check();
      }),
    reload,
  };
}

/** A run's submissions, oldest first. */
export function submissionsOf(all: readonly Submission[], run: string): readonly Submission[] {
  return all.filter((one) => one.run === run).reverse();
}

/** Resolves once the client has written the intent down. */
function untilWritten({ client }: Requests, key: string): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = client.subscribe((event) => {
      if (event.type === 'state' && event.key === key) {
        unsubscribe();
        resolve();
      }
    });
  });
}

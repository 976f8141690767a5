import { docs } from '../../shared/docs.ts';
import type { Sending } from '../../shared/send.ts';
import { type Submission, type Verdict, verdictOf } from '../../shared/submission.ts';

/** What a scenario does its work with. All submissions are payments, and belong to one run. */
export interface Bench {
  readonly guarded: boolean;
  /** How many duplicates were chosen, where there is a choice. */
  readonly count: number;
  /** Makes a sender for one intent: each call of it submits that intent, guarded by one key or by nothing. */
  readonly intend: () => Promise<Send>;
  readonly wait: (ms: number) => Promise<void>;
}

/** Submits an intent once more. `amount` changes the payload under the same key. */
export type Send = (conduct?: Pick<Sending, 'fault' | 'retry'> & { readonly amount?: number }) => Promise<unknown>;

/** A scenario that has been played to its end. */
export interface Run {
  readonly scenario: Scenario;
  readonly guarded: boolean;
  /** Oldest first. */
  readonly submissions: readonly Submission[];
  /** What the ledger has gained since the run began; absent where it could not be read. */
  readonly gained: { readonly executions: number; readonly effects: number } | undefined;
}

/** Something that goes wrong with requests, acted out by one click. */
export interface Scenario {
  /** As in the page's address. */
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** Whether it needs an API that makes requests go wrong when asked to. */
  readonly needsFaults: boolean;
  /** Whether there is anything to compare it with: the same without a key. */
  readonly comparable: boolean;
  /** Whether the number of duplicates can be chosen. */
  readonly countable?: boolean;
  readonly play: (bench: Bench) => Promise<unknown>;
  /** What just happened. */
  readonly story: (run: Run) => string;
  readonly reading: { readonly text: string; readonly href: string };
}

/** One try and no more: what comes is the answer. */
const once = { maxAttempts: 1 };

const doubleClick: Scenario = {
  id: 'double-click',
  title: 'Double click',
  summary: 'Two presses, 150 ms apart, and nothing on the page to stop the second.',
  needsFaults: false,
  comparable: true,
  play: async ({ intend, wait }) => {
    const send = await intend();
    const first = send({ retry: once });
    await wait(150);
    await Promise.all([first, send({ retry: once })]);
  },
  story: (run) =>
    run.guarded
      ? `Both presses carried the same key. The first was executed; the second ${secondOf(run)}. One charge.`
      : 'Two presses, two requests that look like two payments. The customer was charged twice.',
  reading: { text: 'One key for one intent', href: docs('what-a-client-does') },
};

const burst: Scenario = {
  id: 'burst',
  title: 'Burst of duplicates',
  summary: 'An impatient retry loop: many copies of one request at the same time.',
  needsFaults: false,
  comparable: true,
  countable: true,
  play: async ({ count, intend }) => {
    const send = await intend();
    await Promise.all(Array.from({ length: count }, () => send({ retry: once })));
  },
  story: (run) => {
    const all = run.submissions.length;
    if (!run.guarded) {
      return `${all} requests, ${effects(run)}. Nothing told the server that they all meant the same payment.`;
    }
    const tally = tallyOf(run);
    const replays = tally('server-replay');
    const conflicts = tally('in-progress');
    const others = [
      replays > 0 && `${replays} got its recorded answer`,
      conflicts > 0 && `${conflicts} came while it ran and were told to come back (409)`,
    ].filter(Boolean);
    return `${all} requests with one key, ${effects(run)}: one was executed, ${others.join(', ')}.`;
  },
  reading: { text: 'What a duplicate is answered with', href: docs('what-it-is-answered-with') },
};

const lostResponse: Scenario = {
  id: 'lost-response',
  title: 'Lost response, then retry',
  summary: 'The payment is made, but the answer never arrives. The client tries again.',
  needsFaults: true,
  comparable: true,
  play: async ({ intend }) => {
    const send = await intend();
    await send({ fault: 'drop-response', retry: { maxAttempts: 3 } });
  },
  story: (run) =>
    run.guarded
      ? 'The answer was lost after the charge was made and recorded. The retry had the same key, so it got the very answer that was lost. One charge.'
      : 'The answer was lost after the charge was made. The retry had nothing to be recognised by, so it charged again.',
  reading: { text: 'When no answer comes', href: docs('what-a-client-does') },
};

const crash: Scenario = {
  id: 'crash',
  title: 'Crash in the middle, then retry',
  summary: 'The function dies between the charge and its record. The client tries again.',
  needsFaults: true,
  comparable: true,
  play: async ({ intend }) => {
    const send = await intend();
    await send({ fault: 'crash-after-effect', retry: { maxAttempts: 4 } });
  },
  story: (run) =>
    run.guarded
      ? 'The function died after the charge, before it could record its result. Retries were held off until its lease had run out; then one took over, found the charge already made, and answered with it. One charge.'
      : 'The function died after the charge. The retry knew nothing of it and charged again.',
  reading: { text: 'Interruptions and leases', href: docs('what-it-is-answered-with') },
};

const mismatch: Scenario = {
  id: 'mismatch',
  title: 'Same key, another payload',
  summary: 'A bug on the client: the key of the last payment, with another amount.',
  needsFaults: false,
  comparable: false,
  play: async ({ intend }) => {
    const send = await intend();
    await send({ retry: once });
    await send({ amount: 99_900, retry: once });
  },
  story: () =>
    'The key belongs to a payment of €12.50. Asked for €999.00 under the same key, the server refused with 422: neither a second charge, nor an answer that belongs to another request.',
  reading: { text: 'payload-mismatch', href: docs('payload-mismatch') },
};

const slow: Scenario = {
  id: 'slow',
  title: 'Slow first, impatient second',
  summary: 'The first request takes three seconds. A duplicate arrives while it runs.',
  needsFaults: true,
  comparable: true,
  play: async ({ guarded, intend, wait }) => {
    const send = await intend();
    const first = send({ fault: 'slow=3000ms' });
    await wait(600);
    await Promise.all([first, send(guarded ? {} : { retry: once })]);
  },
  story: (run) =>
    run.guarded
      ? 'The second came while the first was running. It was told so (409) and when to come back (Retry-After); when it did, the recorded answer was waiting. One charge.'
      : 'The second did not wait for the first, and neither knew of the other. Two charges.',
  reading: { text: 'in-progress', href: docs('in-progress') },
};

/** All scenarios, in the order in which they are offered. */
export const scenarios: readonly Scenario[] = [doubleClick, burst, lostResponse, crash, mismatch, slow];

/** How many submissions of a run came to a verdict. */
function tallyOf({ submissions }: Run): (verdict: Verdict) => number {
  return (verdict) => submissions.filter((one) => verdictOf(one) === verdict).length;
}

function secondOf(run: Run): string {
  return tallyOf(run)('in-progress') > 0
    ? 'came while it was still running and was told so (409)'
    : 'got its recorded answer';
}

function effects({ gained }: Run): string {
  if (gained === undefined) {
    return 'an unknown number of charges';
  }
  return `${gained.effects} ${gained.effects === 1 ? 'charge' : 'charges'}`;
}

import type { RetryPolicy } from 'idempotent-requests';
import { clientDocs, docs, problemDocs } from '../../shared/docs.ts';
import type { Network } from '../../shared/network.ts';
import { type Operation, type Submission, type Verdict, verdictOf } from '../../shared/submission.ts';

/** What a scenario does its work with. All it submits belongs to one run. */
export interface Bench {
  /** Which of the two ways: as this project says, or as it goes wrong. */
  readonly guarded: boolean;
  /** How many duplicates were chosen, where there is a choice. */
  readonly count: number;
  readonly network: Pick<Network, 'unplug' | 'plugIn'>;
  readonly intend: (what?: Partial<Wish>) => Promise<Deed>;
  readonly wait: (ms: number) => Promise<void>;
  /** Resolves once so many submissions of the run have come to an end. Rejects where that takes too long. */
  readonly settled: (count: number) => Promise<void>;
  /** Loads the page anew. Never resolves: {@link Scenario.afterReload} goes on. */
  readonly reload: () => Promise<never>;
}

/** What to ask for. Default: a payment, with a key where the bench is guarded. */
export interface Wish {
  readonly operation: Operation;
  readonly body: unknown;
  readonly keyed: boolean;
  /** When the server will have forgotten the key, in milliseconds from now, if that is known. */
  readonly forgottenInMs: number;
}

/** One intent. Without a key it is but a body: every request that asks for it is another one. */
export interface Deed {
  /** Submits it through the client, which writes it down first and carries it on whatever happens to the page. */
  readonly submit: (conduct?: Conduct) => Promise<unknown>;
  /** Sends a duplicate past the client. */
  readonly resend: (conduct?: Conduct & { readonly amount?: number }) => Promise<unknown>;
}

export interface Conduct {
  readonly fault?: string;
  readonly retry?: Partial<RetryPolicy>;
}

/** A scenario that has been played to its end. */
export interface Run {
  readonly id: string;
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
  /** The two ways of it, first the one that goes well. Default with a key and without; one name where there is but one. */
  readonly ways?: readonly [string, string] | readonly [string];
  /** What an effect is called. Default a charge. */
  readonly effect?: readonly [one: string, many: string];
  /** Whether the number of duplicates can be chosen. */
  readonly countable?: boolean;
  /** Whether it is played in a second tab as well, which has to be opened before anything else. */
  readonly twoTabs?: boolean;
  readonly play: (bench: Bench) => Promise<unknown>;
  /** What is left to play after `bench.reload`. */
  readonly afterReload?: (bench: Bench) => Promise<unknown>;
  /** What just happened. */
  readonly story: (run: Run) => string;
  readonly reading: { readonly text: string; readonly href: string };
}

/** One try and no more: what comes is the answer. */
const once = { maxAttempts: 1 };

const burst: Scenario = {
  id: 'burst',
  title: 'Burst of duplicates',
  summary: 'An impatient retry loop sends many copies of one payment at the same time.',
  needsFaults: false,
  countable: true,
  play: async ({ count, intend }) => {
    const { submit, resend } = await intend();
    await Promise.all([submit(), ...Array.from({ length: count - 1 }, () => resend({ retry: once }))]);
  },
  story: (run) => {
    const all = run.submissions.length;
    if (!run.guarded) {
      return `${all} requests, ${effects(run)}. Nothing told the server that they all meant the same payment, so it made every one of them.`;
    }
    const tally = tallyOf(run);
    const replays = tally('server-replay');
    const conflicts = tally('in-progress');
    const others = [
      replays > 0 && `${replays} got its recorded answer, byte for byte`,
      conflicts > 0 && `${conflicts} came while it ran and were told to come back (409)`,
    ].filter(Boolean);
    return `${all} requests with one key, ${effects(run)}. One was executed; ${others.join(', ')}.`;
  },
  reading: { text: 'What a duplicate is answered with', href: docs('what-it-is-answered-with') },
};

const doubleClick: Scenario = {
  id: 'double-click',
  title: 'Double click',
  summary: 'Two presses, 150 ms apart, and nothing on the page to stop the second.',
  needsFaults: false,
  play: async ({ intend, wait }) => {
    const { submit, resend } = await intend();
    const first = submit();
    await wait(150);
    await Promise.all([first, resend({ retry: once })]);
  },
  story: (run) =>
    run.guarded
      ? 'Both presses carried the same key. One was executed; the other got its recorded answer. One charge.'
      : 'Two presses, two requests that look like two payments. The customer was charged twice.',
  reading: { text: 'One key for one intent', href: docs('what-a-client-does') },
};

const lostResponse: Scenario = {
  id: 'lost-response',
  title: 'Lost response, then retry',
  summary: 'The payment is made, but its answer never arrives. The client tries again.',
  needsFaults: true,
  play: async ({ intend }) => {
    const { submit } = await intend();
    await submit({ fault: 'drop-response', retry: { maxAttempts: 3 } });
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
  play: async ({ intend }) => {
    const { submit } = await intend();
    await submit({ fault: 'crash-after-effect', retry: { maxAttempts: 4 } });
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
  ways: ['Run'],
  play: async ({ intend }) => {
    const { submit, resend } = await intend();
    await submit();
    await resend({ amount: 99_900, retry: once });
  },
  story: () =>
    'The key belongs to a payment of €12.50. Asked for €999.00 under the same key, the server refused with 422: neither a second charge, nor an answer that belongs to another request.',
  reading: { text: 'payload-mismatch', href: problemDocs('payload-mismatch') },
};

const slow: Scenario = {
  id: 'slow',
  title: 'Slow first, impatient second',
  summary: 'The first request takes four seconds. A duplicate arrives while it runs.',
  needsFaults: true,
  play: async ({ guarded, intend, wait }) => {
    const { submit, resend } = await intend();
    const first = submit({ fault: 'slow=4s', retry: once });
    await wait(600);
    await resend({ retry: once });
    await first;
    if (guarded) {
      await resend({ retry: once });
    }
  },
  story: (run) =>
    run.guarded
      ? 'The second came while the first was running. The server held it for two seconds, hoping for an answer to give, then said so: 409, in progress. Once the first had ended, the next try got its recorded answer. One charge.'
      : 'The second did not wait for the first, and neither knew of the other. Two charges.',
  reading: { text: 'in-progress', href: problemDocs('in-progress') },
};

const offline: Scenario = {
  id: 'offline',
  title: 'Offline, reload, come back',
  summary: 'The network is gone when Submit is pressed. Then the page is reloaded, too.',
  needsFaults: false,
  ways: ['With the client', 'Without'],
  play: async ({ network, intend, wait, reload }) => {
    network.unplug();
    const { submit } = await intend();
    await submit();
    await wait(1_500);
    await reload();
  },
  afterReload: async ({ network, wait, settled }) => {
    await wait(1_500);
    network.plugIn();
    await settled(1);
  },
  story: (run) =>
    run.guarded
      ? 'Without network the payment was written down and waited. The page was reloaded, and it was still there. Back online it was sent, with the key that it had from the start. One charge.'
      : 'Without network the request failed, and after the reload nobody remembered it. The customer believes to have paid, and nothing was charged.',
  reading: { text: 'The client writes ahead', href: clientDocs },
};

const twoTabs: Scenario = {
  id: 'two-tabs',
  title: 'Two tabs',
  summary: 'The same payment is submitted here and in a second tab, which opens for it.',
  needsFaults: false,
  ways: ['With the client', 'Without'],
  twoTabs: true,
  play: async ({ intend, settled }) => {
    const { submit } = await intend();
    await submit({ fault: 'slow=3s' });
    await settled(2);
  },
  story: (run) => {
    if (run.submissions.length < 2) {
      return 'The second tab never came: the browser did not let this page open one. Allow pop-ups for it and try again.';
    }
    return run.guarded
      ? 'Two tabs, one intent: the second tab saw that the first was at it, sent nothing, waited, and took its answer. One request, one charge.'
      : 'Two tabs, two requests. Neither tab knew of the other, nor could the server know: two charges.';
  },
  reading: { text: 'One intent across tabs', href: clientDocs },
};

/** How long the server remembers a key that is asked for with `short-window`, and how long to wait until it has not. */
const shortWindow = { ms: 5_000, overMs: 6_200 };

const windowPassed: Scenario = {
  id: 'window-passed',
  title: 'Window passed',
  summary: 'The answer is lost, and the retry comes after the server has forgotten the key.',
  needsFaults: true,
  ways: ['With the client', 'Key alone'],
  effect: ['order', 'orders'],
  play: async ({ guarded, network, intend, wait, settled }) => {
    const fault = 'drop-response, short-window';
    const { submit, resend } = await intend({
      operation: 'orders.create',
      body: { sku: 'mug', quantity: 1 },
      keyed: true,
      ...(guarded && { forgottenInMs: shortWindow.ms }),
    });
    const over = wait(shortWindow.overMs);
    if (guarded) {
      network.unplug(1);
      await submit({ fault });
      await over;
      network.plugIn();
      await settled(1);
    } else {
      await resend({ fault, retry: once });
      await over;
      await resend({ retry: once });
    }
  },
  story: (run) =>
    run.guarded
      ? 'The answer was lost, and there was no network until the server had forgotten the key (after five seconds here, usually a day). The client did not send again: nobody could have told the retry from a new order. It stopped, and leaves it to a person to look. One order.'
      : 'The answer was lost, and the same key was sent again when the server had forgotten it. To the server that was a new intent. Two orders.',
  reading: { text: 'How long a key is remembered', href: docs('what-a-client-does') },
};

/** All scenarios, in the order in which they are offered. The first is the one to begin with. */
export const scenarios: readonly [Scenario, ...Scenario[]] = [
  burst,
  doubleClick,
  lostResponse,
  crash,
  slow,
  offline,
  twoTabs,
  windowPassed,
  mismatch,
];

/** The names of the two ways; the second is absent where there is but one. */
export function waysOf({ ways = ['With a key', 'Without'] }: Scenario): readonly [string, string?] {
  return ways;
}

/** A number of effects, in words. */
export function countEffects({ effect = ['charge', 'charges'] }: Scenario, count: number): string {
  return `${count} ${count === 1 ? effect[0] : effect[1]}`;
}

/** How many submissions of a run came to a verdict. */
function tallyOf({ submissions }: Run): (verdict: Verdict) => number {
  return (verdict) => submissions.filter((one) => verdictOf(one) === verdict).length;
}

function effects({ scenario, gained }: Run): string {
  return gained === undefined ? 'an unknown number of charges' : countEffects(scenario, gained.effects);
}

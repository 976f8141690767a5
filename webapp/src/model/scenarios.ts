/** A scenario, as the page speaks of it. How it is acted out is another file's business. */
export interface Scenario {
  /** As in the page's address. */
  readonly id: string;
  /** For the scoreboard. */
  readonly short: string;
  readonly title: string;
  readonly summary: string;
  /** The names of the two lanes: what goes wrong, what this project does. */
  readonly names: readonly [string, string];
  /** Whether the first lane's requests carry a key, too. */
  readonly bothKeyed?: boolean;
  /** What is done: a payment is charged, an order is placed, a customer is added. Default payment. */
  readonly effect?: 'payment' | 'order' | 'customer';
  /** Whether the number of copies can be chosen. */
  readonly countable?: boolean;
  /** Whether it needs a second tab. */
  readonly twoTabs?: boolean;
  /** Whether it needs an API that lets requests go wrong when asked to. */
  readonly needsFaults?: boolean;
}

const keys = ['Without a key', 'With a key'] as const;
const client = ['Without the client', 'With the client'] as const;

/** All scenarios, in the order in which they are offered. The first is the one to begin with. */
export const scenarios: readonly [Scenario, ...Scenario[]] = [
  {
    id: 'burst',
    short: 'Burst',
    title: 'Burst of duplicates',
    summary: 'An impatient retry loop sends many copies of one payment at once.',
    names: keys,
    countable: true,
  },
  {
    id: 'double-click',
    short: 'Double click',
    title: 'Double click',
    summary: 'Two presses, 150 ms apart, and nothing on the page to stop the second.',
    names: keys,
  },
  {
    id: 'lost-response',
    short: 'Lost answer',
    title: 'Lost response, then retry',
    summary: 'The payment is made, but its answer never arrives. The client tries again.',
    names: keys,
    needsFaults: true,
  },
  {
    id: 'crash',
    short: 'Crash',
    title: 'Crash in the middle, then retry',
    summary: 'The function dies between the charge and its record. The client tries again.',
    names: keys,
    needsFaults: true,
  },
  {
    id: 'slow',
    short: 'Slow answer',
    title: 'Slow first, impatient second',
    summary: 'The first request takes four seconds. A duplicate arrives while it runs.',
    names: keys,
    needsFaults: true,
  },
  {
    id: 'offline',
    short: 'Offline',
    title: 'Offline, reload, come back',
    summary: 'The network is gone when Pay is pressed. Then the page is reloaded, too.',
    names: client,
  },
  {
    id: 'two-tabs',
    short: 'Two tabs',
    title: 'Two tabs',
    summary: 'The same payment is submitted here and in a second tab, which opens for it.',
    names: client,
    twoTabs: true,
    needsFaults: true,
  },
  {
    id: 'window-passed',
    short: 'Window passed',
    title: 'Window passed',
    summary: 'The answer is lost, and the retry comes after the server has forgotten the key.',
    names: ['Key alone', 'With the client'],
    bothKeyed: true,
    effect: 'order',
    needsFaults: true,
  },
  {
    id: 'mismatch',
    short: 'Other payload',
    title: 'Same key, another payload',
    summary: 'A bug on the client: the last payment is sent again, with another amount.',
    names: keys,
  },
  {
    id: 'steps',
    short: 'Two effects',
    title: 'Charge, then receipt',
    summary: 'The function dies between the charge and the mail with its receipt. The client tries again.',
    names: keys,
    needsFaults: true,
  },
];

/** The scenario with that id; the first if there is none. */
export function scenarioOf(id: string | null | undefined): Scenario {
  return scenarios.find((one) => one.id === id) ?? scenarios[0];
}

/** The scenario after that one; the first after the last. */
export function scenarioAfter(scenario: Scenario): Scenario {
  return scenarios[(scenarios.indexOf(scenario) + 1) % scenarios.length] ?? scenarios[0];
}

import type { Operation } from '../../shared/submission.ts';
import type { LaneWork } from './lane-work.ts';

/** What a scenario's lane is acted out with. */
export interface Act {
  readonly work: LaneWork;
  /** Whether its requests carry a key. */
  readonly keyed: boolean;
  /** Whether it is the lane that promises something. */
  readonly protectedLane: boolean;
  /** How many copies were chosen. */
  readonly count: number;
  readonly wait: (ms: number) => Promise<void>;
  /** Loads the page anew, once both lanes want that. Never resolves: {@link Acting.afterReload} goes on. */
  readonly reload: (dies: readonly number[]) => Promise<never>;
  /** Resolves once nothing of the lane's client is under way any more. */
  readonly settled: () => Promise<void>;
  /** Has the second tab do the same. Resolves once it has; false if the browser did not let it open. */
  readonly secondTab: (ask: { operation: Operation; body: Readonly<Record<string, unknown>> }) => Promise<boolean>;
}

/** How a scenario is acted out, in each of its lanes. */
export interface Acting {
  readonly play: (act: Act) => Promise<unknown>;
  /** What is left to play after `reload`. */
  readonly afterReload?: (act: Act) => Promise<unknown>;
}

/** What is bought in all scenarios that don't say otherwise. */
const payment = { amount: 1250, currency: 'EUR', description: 'Two coffees and a cake' };
/** How long the server remembers a key that is asked for with `short-window`, and how long after the answer it does not. */
const shortWindow = { ms: 5_000, overMs: 6_200 };

function pay({ work, keyed }: Act) {
  return work.intend({ operation: 'payments.create', body: payment, keyed });
}

/** Every scenario's acting, by its id. */
export const acting: Readonly<Record<string, Acting>> = {
  burst: {
    play: async (act) => {
      const { work, count } = act;
      const req = work.press('copy');
      const { submit, resend } = await pay(act);
      await Promise.all([
        submit({ why: 'copy', req }),
        ...Array.from({ length: count - 1 }, () => resend({ why: 'copy' })),
      ]);
    },
  },

  'double-click': {
    play: async (act) => {
      const { work, wait } = act;
      const req = work.press('click');
      const { submit, resend } = await pay(act);
      const first = submit({ why: 'first', req });
      await wait(150);
      await Promise.all([first, resend({ why: 'click', req: work.press('click') })]);
    },
  },

  'lost-response': {
    play: async (act) => {
      const req = act.work.press('click');
      const { submit } = await pay(act);
      await submit({ why: 'first', req, fault: 'drop-response', tries: 3 });
    },
  },

  crash: {
    play: async (act) => {
      const req = act.work.press('click');
      const { submit } = await pay(act);
      await submit({ why: 'first', req, fault: 'crash-after-effect', tries: 4 });
    },
  },

  steps: {
    play: async ({ work, keyed }) => {
      const req = work.press('click');
      const body = { ...payment, receipt: true };
      const { submit } = await work.intend({ operation: 'payments.create', body, keyed });
      await submit({ why: 'first', req, fault: 'crash-between-effects', tries: 4 });
    },
  },

  slow: {
    play: async (act) => {
      const { work, keyed, wait } = act;
      const req = work.press('click');
      const { submit, resend } = await pay(act);
      const first = submit({ why: 'first', req, fault: 'slow=4s' });
      await wait(600);
      await resend({ why: 'impatient', req: work.press('click') });
      await first;
      if (keyed) {
        await resend({ why: 'retry' });
      }
    },
  },

  offline: {
    play: async (act) => {
      const { work, wait, reload, keyed } = act;
      work.unplug();
      await wait(400);
      const req = work.press('click');
      const { submit } = await pay(act);
      await submit({ why: 'first', req });
      await wait(1_500);
      await reload(keyed ? [] : [req]);
    },
    afterReload: async ({ work, wait, settled, keyed }) => {
      await wait(1_500);
      work.plugIn();
      if (keyed) {
        await settled();
      } else {
        await wait(700);
        work.note({ kind: 'silence' });
      }
    },
  },

  'two-tabs': {
    play: async (act) => {
      const { work, secondTab } = act;
      const req = work.press('click');
      const { submit } = await pay(act);
      await Promise.all([
        submit({ why: 'first', req, fault: 'slow=3s' }),
        secondTab({ operation: 'payments.create', body: payment }),
      ]);
    },
  },

  'window-passed': {
    play: async (act) => {
      const { work, wait, settled, protectedLane } = act;
      const fault = 'drop-response, short-window';
      const req = work.press('click');
      const { submit, resend } = await work.intend({
        operation: 'orders.create',
        body: { sku: 'mug', quantity: 1 },
        keyed: true,
        ...(protectedLane && { forgottenInMs: shortWindow.ms }),
      });
      if (protectedLane) {
        work.unplug(1);
        await submit({ why: 'first', req, fault });
        await wait(shortWindow.overMs);
        work.plugIn();
        await settled();
      } else {
        await resend({ why: 'first', req, fault });
        await wait(shortWindow.overMs);
        await resend({ why: 'retry' });
      }
    },
  },

  mismatch: {
    play: async (act) => {
      const { work, wait } = act;
      const req = work.press('click');
      const { submit, resend } = await pay(act);
      await submit({ why: 'first', req });
      await wait(300);
      await resend({ why: 'bug', amount: 99_900 });
    },
  },
};

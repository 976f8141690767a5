import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IntentRequest } from './intent.ts';
import { isUnfinished } from './state.ts';
import { type Exchange, Simulation, type Tab } from './testing/simulation.ts';

const hour = 60 * 60 * 1_000;

/** What may happen, in any order and number. */
type Step =
  | { readonly do: 'submit' | 'submit-as-new'; readonly tab: number; readonly what: number }
  | { readonly do: 'submit-everywhere'; readonly what: number }
  | { readonly do: 'answer' | 'lose-answer' | 'lose' | 'fail' | 'refuse'; readonly exchange: number }
  | { readonly do: 'crash' | 'wake'; readonly tab: number }
  | { readonly do: 'crash-at'; readonly tab: number; readonly call: number; readonly when: 'before' | 'after' }
  | { readonly do: 'open' | 'go-online' | 'go-offline' }
  | { readonly do: 'advance' | 'set-clock'; readonly ms: number };

const tab = fc.nat(2);
const exchange = fc.nat(3);
const common: fc.WeightedArbitrary<Step>[] = [
  { weight: 6, arbitrary: fc.record({ do: fc.constant('submit'), tab, what: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('submit-everywhere'), what: fc.nat(1) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom('answer', 'lose-answer', 'lose', 'fail', 'refuse'), exchange }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('crash', 'wake'), tab }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('crash-at'),
      tab,
      call: fc.integer({ min: 1, max: 12 }),
      when: fc.constantFrom('before', 'after'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('open', 'go-online', 'go-offline') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance'), ms: fc.integer({ min: 0, max: 40_000 }) }) },
];

const asNew: fc.WeightedArbitrary<Step> = {
  weight: 2,
  arbitrary: fc.record({ do: fc.constant('submit-as-new'), tab, what: fc.nat(1) }),
};
/** Clocks that jump either way, and time that passes in windows. */
const clocks: fc.WeightedArbitrary<Step> = {
  weight: 3,
  arbitrary: fc.record({
    do: fc.constantFrom('advance', 'set-clock'),
    ms: fc.integer({ min: -3 * hour, max: 3 * hour }),
  }),
};
/** Clocks that only ever jump ahead, so that no window is longer than the server's. */
const clocksAhead: fc.WeightedArbitrary<Step> = {
  weight: 3,
  arbitrary: fc.record({ do: fc.constantFrom('advance', 'set-clock'), ms: fc.nat(3 * hour) }),
};

const steps = (...more: fc.WeightedArbitrary<Step>[]) =>
  fc.array(fc.oneof(...common, ...more), { minLength: 4, maxLength: 40, size: 'max' });

/** A simulation in which every promise of the client is checked at every request that leaves. */
class Trial {
  readonly world = new Simulation({ windowMs: 2 * hour, retry: { maxAttempts: 2, baseDelayMs: 1_000 } });
  /** Keys that left, by what is asked for. */
  readonly keys = new Map<string, Set<string>>();
  /** Keys that were ever written down. */
  readonly admitted = new Set<string>();
  readonly finished = new Set<string>();
  /** Keys that were ever answered for good, if only with a refusal. */
  readonly answered = new Set<string>();
  readonly expired = new Set<string>();
  meantAgain = 0;
  private readonly bodies = new Map<string, string>();
  private readonly violations: string[] = [];
  private tabs: Tab[] = [];
  /** The latest time that was ever stored, by key. */
  private readonly latest = new Map<string, number>();

  constructor() {
    const { world } = this;
    world.onStored = ({ intent: { key }, state, updatedAt }) => {
      this.admitted.add(key);
      this.latest.set(key, Math.max(updatedAt, this.latest.get(key) ?? 0));
      if (state === 'succeeded') {
        this.finished.add(key);
      }
      if (state === 'succeeded' || state === 'failed') {
        this.answered.add(key);
      }
      if (state === 'expired') {
        this.expired.add(key);
      }
    };
    world.onSend = (leaving, stored) => this.check(leaving, stored);
  }

  private check({ key, body }: Exchange, stored: ReturnType<Simulation['stored']>): void {
    const { world } = this;
    const demand = (holds: boolean, message: string) => {
      if (!holds) {
        this.violations.push(`${key}: ${message}`);
      }
    };
    this.keys.set(body, (this.keys.get(body) ?? new Set()).add(key));
    demand((this.bodies.get(key) ?? body) === body, 'other bytes under the same key');
    this.bodies.set(key, body);
    demand(!this.finished.has(key), 'sent though it was finished');
    demand(!this.expired.has(key), 'sent though it had expired');
    demand(stored?.state === 'in-flight', `sent while ${stored?.state} was written down`);
    demand(stored !== undefined && new TextDecoder().decode(stored.intent.body) === body, 'other bytes than stored');
    const firstSentAt = stored?.intent.firstSentAt ?? Number.NaN;
    demand(Math.max(world.now, this.latest.get(key) ?? 0) < firstSentAt + world.windowMs, 'sent past its window');
    demand(!world.exchanges.some((other) => other.key === key && other.tab.alive), 'sent twice at once');
  }

  async play(all: readonly Step[]): Promise<void> {
    for (const step of all) {
      await this.take(step);
      await this.world.settle();
      expect(this.violations).toEqual([]);
    }
  }

  private async take(step: Step): Promise<void> {
    const { world } = this;
    switch (step.do) {
      case 'open':
        return this.open();
      case 'submit':
      case 'submit-as-new':
        return this.submit(step.do, step.tab, step.what);
      case 'submit-everywhere':
        return this.submitEverywhere(step.what);
      case 'answer':
        return this.pick(step.exchange)?.answer();
      case 'lose-answer':
        return this.pick(step.exchange)?.loseAnswer();
      case 'lose':
        return this.pick(step.exchange)?.lose();
      case 'fail':
        return this.pick(step.exchange)?.refuse(503);
      case 'refuse':
        return this.pick(step.exchange)?.refuse(422);
      case 'crash':
        return this.tab(step.tab)?.crash();
      case 'crash-at':
        this.tab(step.tab)?.crashAt(step.call, step.when);
        return;
      case 'wake':
        return this.tab(step.tab)?.wake();
      case 'go-online':
      case 'go-offline':
        world.online = step.do === 'go-online';
        return;
      case 'advance':
        return world.advance(Math.max(0, step.ms));
      case 'set-clock':
        return world.skew(step.ms);
    }
  }

  private pick(index: number): Exchange | undefined {
    return this.world.exchanges[index % Math.max(1, this.world.exchanges.length)];
  }

  private tab(index: number): Tab | undefined {
    const living = this.tabs.filter(({ alive }) => alive);
    return living[index % Math.max(1, living.length)];
  }

  private async open(): Promise<void> {
    const opened = await this.world.open();
    this.tabs.push(opened);
    void opened.client.resume();
  }

  private async submit(how: 'submit' | 'submit-as-new', index: number, what: number): Promise<void> {
    const request: IntentRequest = { url: 'https://api.example/payments', body: { what } };
    if (this.tab(index) === undefined) {
      await this.open();
    }
    const { client } = this.tab(index) as Tab;
    const draft = await client.prepare(request); // hashes, which is not the simulation's to control
    let outcome: Promise<unknown>;
    if (how === 'submit') {
      outcome = client.submit(draft);
    } else {
      this.meantAgain += 1;
      outcome = client.submitAsNew(request);
      // Until it has hashed as well and was written down, or died.
      await client.prepare(request);
    }
    outcome.catch(() => {});
  }

  /** All tabs at the same moment, each twice. */
  private async submitEverywhere(what: number): Promise<void> {
    const living = this.tabs.filter(({ alive }) => alive).flatMap((one) => [one, one]);
    const request: IntentRequest = { url: 'https://api.example/payments', body: { what } };
    const drafts = await Promise.all(living.map(({ client }) => client.prepare(request)));
    for (const [index, { client }] of living.entries()) {
      client.submit(drafts[index] ?? request).catch(() => {});
    }
  }

  /** Has everybody reopen the page, with a network that works, until nothing is left to send. */
  async heal(): Promise<void> {
    const { world } = this;
    for (const one of this.tabs) {
      one.crash();
    }
    world.exchanges = [];
    world.online = true;
    const last = await world.open();
    let over = false;
    void last.client.resume().then(() => {
      over = true;
    });
    while (!over) {
      await world.settle();
      world.exchanges[0]?.answer();
    }
    expect(this.violations).toEqual([]);
  }
}

/** The same cases on every machine; another seed, or more runs, search on. */
const runs = { numRuns: 150, seed: 20_261_123 };

describe('whatever the order of crashes, reloads, losses and tabs', () => {
  it('one intent never gets two keys, is never sent once finished, and is executed once in the end', async () => {
    await fc.assert(
      fc.asyncProperty(steps(), async (all) => {
        const trial = new Trial();
        await trial.play(all);
        await trial.heal();
        for (const keys of trial.keys.values()) {
          expect(keys.size).toBe(1);
        }
        for (const key of trial.admitted) {
          const state = trial.world.stored(key)?.state;
          // A refused one was told so, and waits for whoever asks again.
          expect(['succeeded', 'failed']).toContain(state);
          expect(trial.world.effects.get(key) ?? 0).toBeLessThanOrEqual(1);
          if (state === 'succeeded') {
            expect(trial.world.effects.get(key)).toBe(1);
          }
        }
      }),
      runs,
    );
  });

  it('a deliberate repeat is one more intent, and none is lost', async () => {
    await fc.assert(
      fc.asyncProperty(steps(asNew), async (all) => {
        const trial = new Trial();
        await trial.play(all);
        await trial.heal();
        const keys = [...trial.keys.values()].reduce((sum, { size }) => sum + size, 0);
        expect(keys).toBeLessThanOrEqual(trial.keys.size + trial.meantAgain);
        for (const key of trial.admitted) {
          expect(['succeeded', 'failed']).toContain(trial.world.stored(key)?.state);
        }
      }),
      runs,
    );
  });
});

describe('whatever the clocks do besides', () => {
  it('nothing is sent past its window, and nothing is given up but by saying so', async () => {
    await fc.assert(
      fc.asyncProperty(steps(clocks), async (all) => {
        const trial = new Trial();
        await trial.play(all);
        await trial.heal();
        for (const key of trial.admitted) {
          const state = trial.world.stored(key)?.state;
          // What has gone was answered, and then past its window.
          expect(state === undefined ? trial.answered.has(key) : !isUnfinished(state)).toBe(true);
        }
      }),
      runs,
    );
  });

  it('no effect happens twice, as long as no clock is set back', async () => {
    await fc.assert(
      fc.asyncProperty(steps(clocksAhead, asNew), async (all) => {
        const trial = new Trial();
        await trial.play(all);
        await trial.heal();
        expect([...trial.world.effects.values()].every((count) => count === 1)).toBe(true);
      }),
      runs,
    );
  });
});

// @vitest-environment node
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IntentRequest } from './intent.ts';
import { isUnfinished } from './state.ts';
import { type Exchange, Simulation, type Tab } from './testing/simulation.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

/** How many cases each property is tried with: `CASES=…` for more. */
const cases = Number(process.env.CASES ?? 150);
/** Milliseconds for one property, generous because a busy machine is no failure. */
const patience = 60_000 + cases * 1_000;
/** The same cases on every machine; another seed searches on. */
const runs = { numRuns: cases, seed: Number(process.env.SEED ?? 20_261_123) };

/** What may happen, in any order and number. */
type Step =
  | { readonly do: 'submit' | 'submit-as-new'; readonly tab: number; readonly what: number }
  | { readonly do: 'submit-everywhere'; readonly what: number }
  | { readonly do: 'answer' | 'lose-answer' | 'lose' | 'fail' | 'wait-please' | 'refuse'; readonly exchange: number }
  | { readonly do: 'crash' | 'wake' | 'break-headers'; readonly tab: number }
  | {
      readonly do: 'crash-at' | 'break-at';
      readonly tab: number;
      readonly call: number;
      readonly when: 'before' | 'after';
    }
  | { readonly do: 'open' | 'open-newer' | 'go-online' | 'go-offline' | 'sign-in' | 'sign-out' }
  | { readonly do: 'believe'; readonly online: boolean | undefined }
  | { readonly do: 'damage'; readonly index: number }
  | { readonly do: 'advance' | 'sleep' | 'set-clock' | 'set-clock-under-way'; readonly ms: number };

const tab = fc.nat(2);
const exchange = fc.nat(3);
const when = fc.constantFrom('before' as const, 'after' as const);
const common: fc.WeightedArbitrary<Step>[] = [
  { weight: 6, arbitrary: fc.record({ do: fc.constant('submit'), tab, what: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('submit-everywhere'), what: fc.nat(1) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('answer', 'lose-answer', 'lose', 'fail', 'wait-please', 'refuse'),
      exchange,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('crash', 'wake', 'break-headers'), tab }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('crash-at', 'break-at'),
      tab,
      call: fc.integer({ min: 1, max: 12 }),
      when,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('open', 'open-newer', 'go-online', 'go-offline', 'sign-in', 'sign-out'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('believe'), online: fc.constantFrom(true, false, undefined) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('advance', 'sleep'), ms: fc.integer({ min: 0, max: 40_000 }) }),
  },
];

const asNew: fc.WeightedArbitrary<Step> = {
  weight: 2,
  arbitrary: fc.record({ do: fc.constant('submit-as-new'), tab, what: fc.nat(1) }),
};
const damage: fc.WeightedArbitrary<Step> = {
  weight: 2,
  arbitrary: fc.record({ do: fc.constant('damage'), index: fc.nat(3) }),
};
/** Clocks that jump either way, and time that passes in windows. */
const clocks: fc.WeightedArbitrary<Step> = {
  weight: 3,
  arbitrary: fc.record({
    do: fc.constantFrom('advance', 'sleep', 'set-clock'),
    ms: fc.integer({ min: -30 * minute, max: 30 * minute }),
  }),
};
/** Clocks that only ever jump ahead, so that no window is longer than the server's. */
const clocksAhead: fc.WeightedArbitrary<Step> = {
  weight: 3,
  arbitrary: fc.record({ do: fc.constantFrom('advance', 'sleep', 'set-clock'), ms: fc.nat(30 * minute) }),
};
/** Clocks that are set by days while a request is under way, which is then answered. */
const clocksUnderWay: fc.WeightedArbitrary<Step> = {
  weight: 3,
  arbitrary: fc.record({ do: fc.constant('set-clock-under-way'), ms: fc.integer({ min: -9 * day, max: 9 * day }) }),
};

const steps = (...more: fc.WeightedArbitrary<Step>[]) =>
  fc.array(fc.oneof(...common, ...more), { minLength: 4, maxLength: 40, size: 'max' });

/** What a world is like from beginning to end. */
const surroundings = fc.record({
  /** How far the device's clock is ahead. */
  clockSkew: fc.constantFrom(0, 0, 2 * day, -2 * day, 40 * minute),
  dated: fc.boolean(),
  sharedChannel: fc.boolean(),
});

/** A simulation in which every promise of the client is checked at every request that leaves. */
class Trial {
  readonly world: Simulation;
  /** Keys that left, by what is asked for. */
  readonly keys = new Map<string, Set<string>>();
  /** Keys that were ever written down. */
  readonly admitted = new Set<string>();
  readonly finished = new Set<string>();
  /** Keys that were ever answered for good, if only with a refusal. */
  readonly answered = new Set<string>();
  readonly expired = new Set<string>();
  /** Keys whose entry was damaged. */
  readonly damaged = new Set<string>();
  meantAgain = 0;
  private readonly bodies = new Map<string, string>();
  private readonly violations: string[] = [];
  private tabs: Tab[] = [];
  /** When each key first left, in true time. */
  private readonly firstSent = new Map<string, number>();
  private setBack = false;
  private setAhead = false;

  constructor({ clockSkew = 0, windowMs = 20 * minute, sharedLocks = true, dated = true, sharedChannel = true } = {}) {
    this.world = new Simulation({ windowMs, clockSkew, retry: { maxAttempts: 2, baseDelayMs: 1_000 } });
    Object.assign(this.world, { sharedLocks, dated, sharedChannel });
    const { world } = this;
    world.onStored = ({ intent: { key }, state }) => {
      this.admitted.add(key);
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
    if (this.damaged.has(key)) {
      return; // under the hands of the page that sends it
    }
    demand(stored !== undefined && new TextDecoder().decode(stored.intent.body) === body, 'other bytes than stored');
    this.firstSent.set(key, this.firstSent.get(key) ?? world.elapsed);
    const since = world.elapsed - (this.firstSent.get(key) ?? 0);
    demand(since < world.windowMs || this.setBack, 'sent past its window');
    const firstSentAt = stored?.intent.firstSentAt ?? Number.NaN;
    demand(world.now < firstSentAt + world.windowMs || this.setAhead, 'sent past its window by its own clock');
    if (world.sharedLocks) {
      demand(!this.finished.has(key), 'sent though it was finished');
      demand(!this.expired.has(key), 'sent though it had expired');
      demand(stored?.state === 'in-flight', `sent while ${stored?.state} was written down`);
      demand(!world.exchanges.some((other) => other.key === key && other.tab.alive), 'sent twice at once');
    }
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
      case 'open-newer':
        return this.open(step.do === 'open-newer');
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
      case 'wait-please':
        return this.pick(step.exchange)?.refuse(503, { 'Retry-After': '600' });
      case 'refuse':
        return this.pick(step.exchange)?.refuse(422);
      case 'crash':
        return this.tab(step.tab)?.crash();
      case 'crash-at':
        this.tab(step.tab)?.crashAt(step.call, step.when);
        return;
      case 'break-at':
        this.tab(step.tab)?.breakAt(step.call, step.when);
        return;
      case 'break-headers':
        return this.tab(step.tab)?.breakHeaders();
      case 'wake':
        return this.tab(step.tab)?.wake();
      case 'sign-in':
      case 'sign-out':
        world.signedIn = step.do === 'sign-in';
        return;
      case 'believe':
        world.believedOnline = step.online;
        return;
      case 'damage': {
        const key = world.corrupt(step.index);
        if (key !== undefined) {
          this.damaged.add(key);
        }
        return;
      }
      case 'go-online':
      case 'go-offline':
        world.online = step.do === 'go-online';
        return;
      case 'advance':
        return world.advance(Math.max(0, step.ms));
      case 'sleep':
        return world.suspend(Math.max(0, step.ms));
      case 'set-clock':
        return this.setClock(step.ms);
      case 'set-clock-under-way': {
        const [under] = world.exchanges.filter(({ tab: { alive } }) => alive);
        if (under !== undefined && world.signedIn) {
          this.setClock(step.ms);
          under.answer();
        }
        return;
      }
    }
  }

  private setClock(ms: number): void {
    this.setBack ||= ms < 0;
    this.setAhead ||= ms > 0;
    this.world.skew(ms);
  }

  private pick(index: number): Exchange | undefined {
    return this.world.exchanges[index % Math.max(1, this.world.exchanges.length)];
  }

  private tab(index: number): Tab | undefined {
    const living = this.tabs.filter(({ alive }) => alive);
    return living[index % Math.max(1, living.length)];
  }

  private async open(newer = false): Promise<void> {
    const opened = await this.world.open({ newer });
    this.tabs.push(opened);
    opened.client.resume().catch(() => {}); // a broken storage
  }

  /** One of two things to do, each at an origin of its own. */
  private request(what: number): IntentRequest {
    return { url: `https://api-${what}.example/payments`, body: { what } };
  }

  private async submit(how: 'submit' | 'submit-as-new', index: number, what: number): Promise<void> {
    if (this.tab(index) === undefined) {
      await this.open();
    }
    const { client } = this.tab(index) as Tab;
    this.meantAgain += how === 'submit' ? 0 : 1;
    const submitted = how === 'submit' ? client.submit(this.request(what)) : client.submitAsNew(this.request(what));
    submitted.catch(() => {});
  }

  /** All tabs at the same moment, each twice. */
  private async submitEverywhere(what: number): Promise<void> {
    for (const { client } of this.tabs.filter(({ alive }) => alive).flatMap((one) => [one, one])) {
      client.submit(this.request(what)).catch(() => {});
    }
  }

  /** Has everybody reopen the newest page, signed in, with a network that works, until nothing is left to send. */
  async heal(): Promise<void> {
    const { world } = this;
    for (const one of this.tabs) {
      one.crash();
    }
    world.exchanges = [];
    world.online = true;
    world.believedOnline = undefined;
    world.signedIn = true;
    const last = await world.open({ newer: true });
    for (let turn = 0; turn < 2; turn++) {
      let over = false;
      void last.client.resume().then(() => {
        over = true;
      });
      while (!over) {
        await world.settle();
        world.exchanges[0]?.answer();
      }
      await world.advance(601_000); // what the server asked to wait for
      while (world.exchanges.length > 0) {
        world.exchanges[0]?.answer();
        await world.settle();
      }
    }
    last.client.close();
    expect(this.violations).toEqual([]);
  }
}

describe('whatever the order of crashes, reloads, losses, tabs and versions', () => {
  it(
    'one intent never gets two keys, is never sent once finished, and is executed once in the end',
    async () => {
      await fc.assert(
        fc.asyncProperty(surroundings, steps(clocksUnderWay), async (world, all) => {
          const trial = new Trial({ ...world, windowMs: 30 * day });
          await trial.play(world.dated ? all : all.filter((step) => step.do !== 'set-clock-under-way'));
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
    },
    patience,
  );

  it(
    'a deliberate repeat is one more intent, and none is lost',
    async () => {
      await fc.assert(
        fc.asyncProperty(surroundings, steps(asNew), async (world, all) => {
          const trial = new Trial(world);
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
    },
    patience,
  );

  it(
    'what is damaged is taken: it makes no second key',
    async () => {
      await fc.assert(
        fc.asyncProperty(surroundings, steps(damage), async (world, all) => {
          const trial = new Trial(world);
          await trial.play(all);
          await trial.heal();
          for (const keys of trial.keys.values()) {
            expect(keys.size).toBe(1);
          }
          for (const key of trial.admitted) {
            expect(trial.damaged.has(key) || !isUnfinished(trial.world.stored(key)?.state ?? 'queued')).toBe(true);
          }
        }),
        runs,
      );
    },
    patience,
  );

  it(
    'two tabs make one key even if they have neither locks nor messages in common',
    async () => {
      await fc.assert(
        fc.asyncProperty(surroundings, steps(), async (world, all) => {
          const trial = new Trial({ ...world, sharedLocks: false });
          await trial.play(all);
          await trial.heal();
          for (const keys of trial.keys.values()) {
            expect(keys.size).toBe(1);
          }
          expect([...trial.world.effects.values()].every((count) => count === 1)).toBe(true);
        }),
        runs,
      );
    },
    patience,
  );
});

describe('whatever the clocks do besides', () => {
  it(
    'nothing is sent past its window, and nothing is given up but by saying so',
    async () => {
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
    },
    patience,
  );

  it(
    'no effect happens twice, as long as no clock is set back',
    async () => {
      await fc.assert(
        fc.asyncProperty(steps(clocksAhead, asNew), async (all) => {
          const trial = new Trial();
          await trial.play(all);
          await trial.heal();
          expect([...trial.world.effects.values()].every((count) => count === 1)).toBe(true);
        }),
        runs,
      );
    },
    patience,
  );
});

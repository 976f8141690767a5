import { browser } from 'idempotent-requests';
import { collect } from '../../model/collect.ts';
import { emptyLane, type Lane, type Run } from '../../model/facts.ts';
import type { Evidence } from '../../model/fit.ts';
import { type Scenario, scenarioOf } from '../../model/scenarios.ts';
import type { Config } from '../../shared/config.ts';
import type { Exchange } from '../../shared/exchange.ts';
import { type Act, acting } from './acts.ts';
import { createLaneWork, type LaneMemory, type LaneWork } from './lane-work.ts';
import { forgetRun, type Memory, type Only, recallRun, rememberRun } from './memory.ts';
import { openSecondTab, type SecondTab } from './second-tab.ts';
import { keepAlive, releaseSession } from './unfinished.ts';

/** A run that is under way or has ended here. */
export interface Playing {
  readonly run: Run;
  readonly scenario: Scenario;
  /** Whether facts may still come. */
  readonly live: boolean;
  /** Each lane's requests and responses, by number. Not kept over reloads. */
  readonly exchanges: readonly [ReadonlyMap<number, Exchange>, ReadonlyMap<number, Exchange>];
}

/** How long to wait for what should happen in a lane, in milliseconds. */
const patience = 45_000;
/** How often the API is asked, in milliseconds, while a run is under way. */
const interval = 1_000;
/** How soon after a response, in milliseconds. */
const soon = 150;

type LaneIndex = 0 | 1;

/** What a run is, whatever comes of it. */
type About = Pick<Memory, 'id' | 'scenario' | 'count' | 'at' | 'only'>;

/** Plays scenarios against the API, one at a time. */
export class Runner {
  private readonly config: () => Promise<Config>;
  private readonly onChange: (playing: Playing) => void;
  private busy = false;

  /** @param onChange called whenever a run has come further, at most once per frame, and when it has ended */
  constructor(config: () => Promise<Config>, onChange: (playing: Playing) => void) {
    this.config = config;
    this.onChange = onChange;
  }

  /** Whether a run is under way, shown or not: none can be played until it has ended. */
  isBusy(): boolean {
    return this.busy;
  }

  /** Plays both lanes, or one. Ignored while another run is under way. To be called in the press itself. */
  async play(scenario: Scenario, count: number, only?: Only): Promise<void> {
    if (this.busy) {
      return;
    }
    const id = browser.randomUUID();
    const second = scenario.twoTabs ? openSecondTab(scenario.id, id) : undefined;
    const about = { id, scenario: scenario.id, count, at: Date.now(), ...(only && { only }) };
    await this.perform(about, 'play', undefined, second);
  }

  /** Goes on with the run that a reload was part of, or shows what became of one that was left. */
  async resume(): Promise<boolean> {
    const memory = recallRun();
    if (memory === undefined || this.busy) {
      return false;
    }
    await this.perform(memory, memory.reloading ? 'afterReload' : 'interrupted', memory.lanes);
    return true;
  }

  private async perform(
    about: About,
    part: 'play' | 'afterReload' | 'interrupted',
    memories?: Memory['lanes'],
    second?: SecondTab,
  ): Promise<void> {
    this.busy = true;
    try {
      const config = await this.config();
      await new Performance(about, config, this.onChange, second, memories).perform(part);
    } finally {
      this.busy = false;
      second?.close();
    }
  }
}

/** One run. */
class Performance {
  private readonly about: About;
  private readonly scenario: Scenario;
  private readonly second: SecondTab | undefined;
  private readonly works: readonly [LaneWork, LaneWork];
  /** The lanes that are played. */
  private readonly active: readonly LaneIndex[];
  private readonly evidence: [Evidence | undefined, Evidence | undefined] = [undefined, undefined];
  private readonly asked: [boolean, boolean] = [false, false];
  /** Whether each lane's last question has been asked: what an earlier one is answered is older, however late it comes. */
  private readonly closing: [boolean, boolean] = [false, false];
  private readonly ended: [boolean, boolean] = [false, false];
  private readonly trouble: [Lane['trouble'], Lane['trouble']] = [undefined, undefined];
  private readonly reloads = new Map<LaneIndex, readonly number[]>();
  private readonly publishTo: (playing: Playing) => void;
  private scheduled = false;
  private over = false;
  private lane1Begun = false;

  constructor(
    about: About,
    config: Config,
    onChange: (playing: Playing) => void,
    second: SecondTab | undefined,
    memories: Memory['lanes'] | undefined,
  ) {
    this.about = about;
    this.scenario = scenarioOf(about.scenario);
    this.active = about.only === undefined ? [0, 1] : [about.only.lane];
    this.second = second;
    this.publishTo = onChange;
    const work = (i: LaneIndex) => createLaneWork(config, () => this.changed(), memories?.[i]);
    this.works = [work(0), work(1)];
  }

  async perform(part: 'play' | 'afterReload' | 'interrupted'): Promise<void> {
    const sessions = this.works.map(({ session }) => session);
    const release = keepAlive(this.about.id, sessions);
    const leaving = () => this.remember(false);
    window.addEventListener('pagehide', leaving);
    const stopAsking = this.askNowAndThen();
    try {
      if (part === 'interrupted') {
        this.trouble.fill('interrupted');
        await Promise.all(this.works.map((work) => work.resume().catch(() => {})));
        this.ended.fill(true);
      } else if (part === 'play' && this.scenario.countable) {
        // One after the other: side by side, the browser's few connections to one host would be shared.
        for (const i of this.active) {
          await this.act(i, part);
        }
      } else {
        if (part === 'afterReload') {
          this.lane1Begun = true;
        }
        await Promise.all(this.active.map((i) => this.act(i, part)));
      }
    } finally {
      stopAsking();
      await Promise.all(this.active.map((i) => this.ask(i, true)));
      this.ended.fill(true);
      this.over = true;
      window.removeEventListener('pagehide', leaving);
      forgetRun();
      this.publish();
      // Nobody waits for that: the next run may begin.
      void Promise.all(this.works.map((work) => takeLeave(work)))
        .catch((error) => console.warn('a run’s sessions could not be forgotten:', error))
        .finally(release);
    }
  }

  /** Acts one lane out, for as long as patience lasts. */
  private async act(i: LaneIndex, part: 'play' | 'afterReload'): Promise<void> {
    const work = this.works[i];
    if (i === 1) {
      this.lane1Begun = true;
    }
    const protectedLane = i === 1;
    const keyed = protectedLane || this.scenario.bothKeyed === true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), patience);
    });
    const act: Act = {
      work,
      keyed,
      protectedLane,
      count: this.about.count,
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      reload: (dies) => this.reload(i, dies),
      settled: () => settled(work),
      secondTab: async ({ operation, body }) => {
        if (this.second?.opened !== true) {
          this.trouble[i] = 'popup-blocked';
          return false;
        }
        const ask = { lane: i, session: work.session, keyed, operation, body };
        await this.second.ask(ask, (sighting, epoch) => work.takeIn(sighting, epoch));
        return true;
      },
    };
    const script = acting[this.scenario.id];
    const playing = (async () => {
      if (part === 'afterReload') {
        await work.resume();
      }
      await script?.[part]?.(act);
    })().catch((error) => {
      console.warn('a scenario did not come to its end:', error);
    });
    if ((await Promise.race([playing, tooLong])) === 'late') {
      this.trouble[i] ??= 'timed-out';
    }
    clearTimeout(timer);
    await this.ask(i, true);
    this.ended[i] = true;
    this.changed();
  }

  /** Loads the page anew, once all lanes that are played have come to that. */
  private reload(i: LaneIndex, dies: readonly number[]): Promise<never> {
    this.reloads.set(i, dies);
    if (this.reloads.size === this.active.length) {
      for (const [lane, gone] of this.reloads) {
        this.works[lane].note({ kind: 'reloaded', ...(gone.length > 0 && { dies: gone }) });
      }
      this.remember(true);
      location.reload();
    }
    return new Promise<never>(() => {});
  }

  private remember(reloading: boolean): void {
    if (!this.over && (reloading || this.reloads.size < this.active.length)) {
      const lanes = this.works.map((work) => work.remember()) as [LaneMemory, LaneMemory];
      rememberRun({ ...this.about, reloading, lanes });
    }
  }

  /** Asks the API what has happened: soon after each response, and once in a while. */
  private askNowAndThen(): () => void {
    let answers = [0, 0];
    const timer = setInterval(() => {
      const now = this.works.map((work) => work.sightings().filter(({ kind }) => kind === 'answered').length);
      for (const i of this.active) {
        const due = (now[i] ?? 0) > (answers[i] ?? 0) || ticks % Math.round(interval / soon) === 0;
        if (due && !this.ended[i] && this.works[i].sightings().some(({ kind }) => kind === 'sent')) {
          void this.ask(i, false);
        }
      }
      answers = now;
      ticks += 1;
    }, soon);
    let ticks = 1;
    return () => clearInterval(timer);
  }

  /** @param last whether the lane has ended: then what the API says is waited for, and asked again if it seems late */
  private async ask(i: LaneIndex, last: boolean): Promise<void> {
    const work = this.works[i];
    if (last ? this.ended[i] : this.asked[i] || this.closing[i]) {
      return;
    }
    this.asked[i] = true;
    this.closing[i] = last;
    try {
      if (last && !work.sightings().some((one) => one.kind === 'answered' && one.status !== undefined)) {
        // Nothing that was sent came back: one look is enough to know whether anybody is there.
        this.evidence[i] = await work.evidence();
        return;
      }
      for (let tries = 0; tries < (last ? 3 : 1); tries++) {
        const [evidence] = await Promise.all([work.evidence(), work.readRecord()]);
        if (this.closing[i] !== last) {
          return;
        }
        this.evidence[i] = evidence ?? (last ? undefined : this.evidence[i]);
        const { report } = this.lane(i);
        if (!last || (report?.kind === 'read' && report.agrees)) {
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
    } finally {
      this.asked[i] = false;
      this.changed();
    }
  }

  private lane(i: LaneIndex): Lane {
    const { only } = this.about;
    if (only !== undefined && only.lane !== i) {
      return only.other;
    }
    const work = this.works[i];
    const keyed = i === 1 || this.scenario.bothKeyed === true;
    const sightings = work.sightings();
    if (sightings.length === 0) {
      return emptyLane(keyed);
    }
    const evidence = this.evidence[i];
    const { facts, report, fitted } = collect({
      startedAt: work.startedAt(),
      sightings,
      ...(evidence && { evidence }),
    });
    const trouble = this.trouble[i];
    return {
      keyed,
      facts,
      ended: this.ended[i],
      ...(this.ended[i] && report && { report }),
      ...(fitted === false && { fitted }),
      ...(trouble && { trouble }),
    };
  }

  private changed(): void {
    if (!this.scheduled && !this.over) {
      this.scheduled = true;
      requestAnimationFrame(() => {
        this.scheduled = false;
        if (!this.over) {
          this.publish();
        }
      });
    }
  }

  private publish(): void {
    // In the picture both lanes begin together: nothing is shown of the first before the second has begun, too.
    const waiting = this.scenario.countable && this.active.length > 1 && !this.lane1Begun && !this.over;
    const lanes: [Lane, Lane] = waiting
      ? [emptyLane(this.scenario.bothKeyed === true), emptyLane(true)]
      : [this.lane(0), this.lane(1)];
    const { scenario, count, at } = this.about;
    this.publishTo({
      run: { v: 1, scenario, count, at, lanes },
      scenario: this.scenario,
      live: !this.over,
      exchanges: [this.works[0].exchanges, this.works[1].exchanges],
    });
  }
}

/** Whether the lane's client still has something to send. */
async function isUnfinished({ client }: LaneWork): Promise<boolean> {
  const open: readonly string[] = ['pending', 'in-flight', 'queued', 'blocked'];
  return (await client.entries()).some(({ state }) => open.includes(state));
}

/** Forgets a lane. What its client still has to send is left to it: an intent that was taken in is not dropped. */
async function takeLeave(work: LaneWork): Promise<void> {
  if (await isUnfinished(work).catch(() => true)) {
    return;
  }
  await work.finish();
  releaseSession(work.session);
}

/** Resolves once nothing of the lane's client is under way or waits. */
async function settled(work: LaneWork): Promise<void> {
  while (await isUnfinished(work)) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, 250);
      const stop = work.client.subscribe(done);
      function done() {
        clearTimeout(timer);
        stop();
        resolve();
      }
    });
  }
}

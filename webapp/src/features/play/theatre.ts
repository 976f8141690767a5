import { emptyLane, type Run } from '../../model/facts.ts';
import { verdict } from '../../model/judge.ts';
import { decode } from '../../model/link.ts';
import { type Scenario, scenarioOf } from '../../model/scenarios.ts';
import { plain } from '../../model/words.ts';
import { viewOf } from '../../shared/address.ts';
import { announce } from '../../shared/announce.ts';
import type { Config } from '../../shared/config.ts';
import type { Exchange } from '../../shared/exchange.ts';
import { type Plan, Player, planOf } from '../../stage/player.ts';
import { keepResult, type Results, readResults } from './results.ts';
import { type Playing, Runner } from './runner.ts';
import { carryOn, warmUp } from './unfinished.ts';

/** What the play view shows, besides what the player plays. */
export interface TheatreState {
  readonly scenario: Scenario;
  /** How many copies a scenario makes that leaves the choice. */
  readonly count: number;
  readonly results: Results;
  /** The scenario of the run that is under way. */
  readonly underWay: Scenario | undefined;
  /** A run that came with a link, and is only replayed. */
  readonly shared: Run | undefined;
  /** Whether the link could not be read. */
  readonly unreadableLink: boolean;
}

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** The scenarios, their results, the run that is under way, and the player that shows one of them. */
export class Theatre {
  readonly player: Player;
  private state: TheatreState;
  private readonly runner: Runner;
  private readonly listeners = new Set<() => void>();
  private live: Playing | undefined;
  /** The run in the address that was opened, or is being. */
  private link: { readonly hash: string; readonly opened: Promise<void> } | undefined;
  private readonly exchanges = new Map<string, Playing['exchanges']>();

  constructor(config: () => Promise<Config>) {
    const scenario = scenarioOf(new URLSearchParams(location.search).get('scenario'));
    this.state = {
      scenario,
      count: 20,
      results: new Map(),
      underWay: undefined,
      shared: undefined,
      unreadableLink: false,
    };
    this.player = new Player(this.emptyPlan(scenario), () => still.matches);
    this.runner = new Runner(config, (playing) => this.hear(playing));
    let wasOver = false;
    this.player.subscribe(() => {
      const { over, plan } = this.player.get();
      if (over && !wasOver) {
        announce(plain(verdict(plan.run, plan.scenario)));
      }
      wasOver = over;
    });
    still.addEventListener('change', () => this.player.redraw());
  }

  readonly get = (): TheatreState => this.state;

  readonly subscribe = (onChange: () => void): (() => void) => {
    this.listeners.add(onChange);
    return () => this.listeners.delete(onChange);
  };

  /** Reads what earlier loads of the page have left, and goes on with it. */
  async begin(): Promise<void> {
    const resuming = this.runner.resume();
    await this.readLink();
    const results = await readResults();
    this.set({ results: new Map([...results, ...this.state.results]) });
    this.showLast();
    await resuming;
    this.showLast();
    await carryOn(undefined);
    await warmUp();
  }

  /** Shows the scenario's last result if nothing else is shown, and no run is under way. */
  private showLast(): void {
    if (!this.runner.isBusy() && this.state.shared === undefined && this.player.get().plan.warp.length === 0) {
      this.show(this.state.scenario);
    }
  }

  /** Follows the page's address. What is shown stays as it is while the playground is looked at. */
  async follow(): Promise<void> {
    if (viewOf(location.href) === 'playground') {
      return;
    }
    const scenario = scenarioOf(new URLSearchParams(location.search).get('scenario'));
    const linked = location.hash.startsWith('#run=');
    if (linked) {
      await this.readLink();
    } else if (scenario !== this.state.scenario || (location.hash === '' && this.link !== undefined)) {
      this.link = undefined;
      this.set({ shared: undefined, unreadableLink: false });
      this.show(scenario);
    }
  }

  setCount(count: number): void {
    this.leaveLink();
    this.set({ count, shared: undefined, unreadableLink: false });
    this.show(this.state.scenario, false);
  }

  /** The run in the address is no longer what is shown. */
  private leaveLink(): void {
    this.link = undefined;
    if (location.hash !== '') {
      history.replaceState(null, '', location.pathname + location.search);
    }
  }

  /** Sends real requests, both ways or one way again. To be called in the press itself. */
  play(lane?: 0 | 1): void {
    if (this.runner.isBusy()) {
      return;
    }
    const { scenario, results } = this.state;
    const last = lane === undefined ? undefined : results.get(scenario.id);
    const only = lane === undefined || last === undefined ? undefined : { lane, other: last.lanes[lane === 0 ? 1 : 0] };
    this.set({ underWay: scenario, shared: undefined, unreadableLink: false, count: last?.count ?? this.state.count });
    this.leaveLink();
    const empty = this.emptyRun(scenario);
    const lanes: Run['lanes'] =
      only === undefined ? empty.lanes : only.lane === 0 ? [empty.lanes[0], only.other] : [only.other, empty.lanes[1]];
    this.player.open(planOf({ ...empty, lanes }, scenario, true));
    this.player.play();
    void this.runner.play(scenario, this.state.count, only);
  }

  /** Replays a recording of the chosen scenario, where it can't be played. It sends nothing. */
  async showExample(): Promise<void> {
    const { scenario } = this.state;
    const { default: recorded } = await import('../../model/recorded.json');
    const run = await decode(recorded[scenario.id as keyof typeof recorded] ?? '');
    if (run !== undefined && this.state.scenario === scenario) {
      this.set({ shared: run, unreadableLink: false, count: run.count });
      this.player.open(planOf(run, scenario, false));
      this.player.play();
    }
  }

  /** A request and its response, of a run that was played since the page was loaded. */
  exchange(lane: number, req: number): Exchange | undefined {
    const { run } = this.player.get().plan;
    return this.exchanges.get(nameOf(run))?.[lane]?.get(req);
  }

  private hear(playing: Playing): void {
    const { run, scenario, live } = playing;
    const first = this.live === undefined;
    this.live = live ? playing : undefined;
    this.exchanges.set(nameOf(run), playing.exchanges);
    const here = scenario === this.state.scenario && this.state.shared === undefined;
    this.set({
      underWay: live ? scenario : undefined,
      ...(!live && { results: new Map([...this.state.results, [run.scenario, run]]) }),
    });
    if (!live) {
      void keepResult(run);
    }
    if (!here) {
      return;
    }
    const plan = planOf(run, scenario, live);
    if (first && nameOf(this.player.get().plan.run) !== nameOf(run) && this.player.get().plan.warp.length > 0) {
      this.player.open(plan);
      this.player.play();
    } else {
      this.player.update(plan);
      if (first && !this.player.get().playing) {
        this.player.play();
      }
    }
  }

  /** Shows a scenario: the run that is under way, its last result, or what is about to be sent. */
  private show(scenario: Scenario, result = true): void {
    this.set({ scenario });
    const live = this.live?.scenario === scenario ? this.live : undefined;
    const last = result ? this.state.results.get(scenario.id) : undefined;
    if (live !== undefined) {
      this.player.open(planOf(live.run, scenario, true));
      this.player.play();
    } else if (last !== undefined) {
      this.set({ count: last.count });
      this.player.finish(planOf(last, scenario, false));
    } else {
      this.player.open(this.emptyPlan(scenario));
    }
  }

  /** Opens the run in the address, once: what is shown of it is not taken back by reading it again. */
  private readLink(): Promise<void> {
    const { hash } = location;
    if (!hash.startsWith('#run=')) {
      return Promise.resolve();
    }
    if (this.link?.hash !== hash) {
      this.link = { hash, opened: this.open(hash) };
    }
    return this.link.opened;
  }

  private async open(hash: string): Promise<void> {
    const run = await decode(hash.slice('#run='.length));
    if (this.link?.hash !== hash) {
      return; // meanwhile something else was asked for
    }
    if (run === undefined) {
      this.set({ unreadableLink: true, shared: undefined });
      this.show(scenarioOf(new URLSearchParams(location.search).get('scenario')));
      return;
    }
    const scenario = scenarioOf(run.scenario);
    this.set({ scenario, shared: run, unreadableLink: false, count: run.count });
    this.player.open(planOf(run, scenario, false));
  }

  private emptyRun(scenario: Scenario): Run {
    return {
      v: 1,
      scenario: scenario.id,
      count: this.state.count,
      at: Date.now(),
      lanes: [emptyLane(scenario.bothKeyed === true), emptyLane(true)],
    };
  }

  private emptyPlan(scenario: Scenario): Plan {
    return planOf(this.emptyRun(scenario), scenario, false);
  }

  private set(change: Partial<TheatreState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) {
      listener();
    }
  }
}

function nameOf(run: Run): string {
  return `${run.scenario} ${run.at}`;
}

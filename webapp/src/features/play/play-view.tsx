import {
  type ReactNode,
  type RefObject,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { notice } from '../../model/judge.ts';
import { encode } from '../../model/link.ts';
import { type Scenario, scenarioAfter } from '../../model/scenarios.ts';
import { plain } from '../../model/words.ts';
import { addressWith, goTo, useAddress } from '../../shared/address.ts';
import { announce } from '../../shared/announce.ts';
import type { Config } from '../../shared/config.ts';
import { Labels, Lane } from '../../stage/lane.tsx';
import type { LaneView } from '../../stage/lane-view.ts';
import { Legend } from '../../stage/legend.tsx';
import { type Plan, type Player, placesOf, usePlayer } from '../../stage/player.ts';
import { PlayerBar } from '../../stage/player-bar.tsx';
import { Told } from '../../stage/told.tsx';
import { Hero } from './hero.tsx';
import { Rail } from './rail.tsx';
import { Theatre } from './theatre.ts';

/** What is looked at under the hood. */
export interface HoodProps {
  readonly player: Player;
  readonly exchange: Theatre['exchange'];
  /** The request to look at, once one was opened. */
  readonly opened: { readonly lane: number; readonly req: number } | undefined;
  readonly onOpen: (lane: number, req: number) => void;
}

/** The scenarios: a scoreboard, the stage with both lanes, the player, and what happened. */
export function PlayView({
  config,
  config$,
  toast,
  hood,
}: {
  /** What the deployment says; undefined until that is known. */
  config: Config | undefined;
  config$: () => Promise<Config>;
  toast: (text: string) => void;
  hood: (props: HoodProps) => ReactNode;
}) {
  const [theatre] = useState(() => new Theatre(config$));
  const state = useSyncExternalStore(theatre.subscribe, theatre.get);
  const { scenario, count, results, underWay, shared } = state;
  const { player } = theatre;
  const plan = usePlayer(player, 'plan');
  const playing = usePlayer(player, 'playing');
  const [opened, setOpened] = useState<{ readonly lane: number; readonly req: number }>();
  const stage = useRef<HTMLElement>(null);
  const address = useAddress();

  useEffect(() => {
    void theatre.begin();
  }, [theatre]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the address
  useEffect(() => {
    void theatre.follow();
  }, [theatre, address]);

  useEffect(() => {
    document.title = `${scenario.title} · Idempotent requests`;
  }, [scenario]);

  useRedraw(player, stage);

  const choose = useCallback((next: Scenario) => goTo(addressWith(location.href, { scenario: next.id })), []);

  /** Whether something keeps the scenario from being played. */
  const obstacle =
    scenario.needsFaults && config?.demoFaults === false
      ? 'This deployment lets nothing go wrong on purpose. A recorded run can be replayed.'
      : undefined;

  /** For the eyes and the ears. */
  const say = (text: string) => {
    announce(text);
    toast(text);
  };

  const send = (lane?: 0 | 1) => {
    if (obstacle !== undefined) {
      void theatre.showExample().catch(() => say('The recorded run can’t be loaded.'));
      return;
    }
    if (!navigator.onLine) {
      say('No network: what was recorded can be replayed.');
      return;
    }
    setOpened(undefined);
    theatre.play(lane);
    const box = stage.current?.getBoundingClientRect();
    if (box !== undefined && (box.bottom + 66 > window.innerHeight || box.top < 0)) {
      const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
      stage.current?.scrollIntoView({ block: 'start', behavior: calm ? 'auto' : 'smooth' });
    }
  };

  const recorded = plan.warp.length > 0;
  const onPlayBoth = () => {
    if (underWay !== undefined && underWay !== scenario) {
      choose(underWay);
    } else if (playing) {
      player.pause();
    } else if (underWay !== undefined) {
      player.play();
    } else {
      send();
    }
  };
  const onPlay = () => {
    if (playing) {
      player.pause();
    } else if (recorded || underWay === scenario) {
      player.play();
    } else {
      send();
    }
  };

  const share = async () => {
    const link = `${addressWith(location.href, { scenario: scenario.id, view: undefined })}#run=${await encode(plan.run)}`;
    try {
      await navigator.clipboard.writeText(link);
      announce('Link copied');
      toast('Link to this run copied: it replays these facts anywhere.');
    } catch {
      history.replaceState(null, '', link);
      say('The link is in the address bar.');
    }
  };

  const label =
    underWay !== undefined && underWay !== scenario
      ? `See ${underWay.short} playing`
      : playing
        ? 'Playing'
        : underWay !== undefined
          ? 'Go on'
          : obstacle !== undefined
            ? 'Play a recorded run'
            : shared !== undefined
              ? 'Play it yourself'
              : results.has(scenario.id)
                ? 'Play again'
                : 'Play both';

  return (
    <>
      <Hero
        label={label}
        {...(obstacle !== undefined && { note: 'Recorded with real requests. Nothing is sent here' })}
        playing={playing}
        onPlay={onPlayBoth}
      />
      <section className="play" aria-label="Scenarios">
        <Rail chosen={scenario} results={results} onChoose={choose} />
        <div className="column">
          <section ref={stage} className="stage" id="stage" role="tabpanel" aria-labelledby="stage-title" tabIndex={-1}>
            <header className="stage-head">
              <div>
                <h2 id="stage-title">{scenario.title}</h2>
                <Summary plan={plan} state={state} obstacle={obstacle} />
              </div>
              {scenario.countable && (
                <label className="count">
                  <span className="sr">Number of copies</span>
                  <select
                    value={count}
                    disabled={underWay !== undefined}
                    onChange={(event) => theatre.setCount(Number(event.target.value))}
                  >
                    {countsWith(count).map((n) => (
                      <option key={n} value={n}>
                        × {n}
                      </option>
                    ))}
                  </select>
                </label>
              )}
            </header>
            <Labels />
            <Lanes
              player={player}
              onOpen={(lane, req) => setOpened({ lane, req })}
              onAgain={
                underWay === undefined && shared === undefined && results.has(scenario.id)
                  ? (lane) => send(lane)
                  : undefined
              }
            />
          </section>
          <PlayerBar
            player={player}
            onPlay={onPlay}
            onStep={() => announce(captionsOf(player))}
            onShare={recorded && underWay !== scenario ? () => void share() : undefined}
          />
          <Legend run={plan.run} />
          <Told player={player} next={scenarioAfter(scenario).short} onNext={() => choose(scenarioAfter(scenario))} />
          {hood({
            player,
            exchange: (lane, req) => theatre.exchange(lane, req),
            opened,
            onOpen: (lane, req) => setOpened({ lane, req }),
          })}
        </div>
      </section>
    </>
  );

  function captionsOf(shown: Player): string {
    const { scripts, scenario: told } = shown.get().plan;
    const { s } = shown.now();
    return scripts
      .map(({ story }, i) => {
        const beat = story.findLast(({ beat: one, from }) => !one.quiet && from <= s)?.beat;
        return beat === undefined ? '' : `${told.names[i]}: ${plain(beat.say(beat.facts.length))}`;
      })
      .join(' ');
  }
}

const counts = [2, 5, 10, 20, 50];

/** The numbers of copies that can be chosen, and the one of a run that came with a link. */
function countsWith(shown: number): readonly number[] {
  return counts.includes(shown) ? counts : [...counts, shown].sort((a, b) => a - b);
}

/** What the scenario is about, or what has to be said instead. */
function Summary({
  plan,
  state: { scenario, shared, unreadableLink },
  obstacle,
}: {
  plan: Plan;
  state: ReturnType<Theatre['get']>;
  obstacle: string | undefined;
}) {
  const said = unreadableLink
    ? 'This link’s run can’t be read. The scenario can be played all the same.'
    : shared !== undefined
      ? `A recorded run, from ${recordedAt.format(shared.at)}. It is only replayed here, nothing is sent.`
      : (obstacle ?? (plan.live || plan.warp.length === 0 ? undefined : notice(plan.run, scenario)));
  return <p data-tone={said === undefined ? undefined : 'warning'}>{said ?? scenario.summary}</p>;
}

const recordedAt = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** Both lanes. They are drawn outside React, by the player. */
function Lanes({
  player,
  onOpen,
  onAgain,
}: {
  player: Player;
  onOpen: (lane: number, req: number) => void;
  onAgain: ((lane: 0 | 1) => void) | undefined;
}) {
  const { scenario, scripts } = usePlayer(player, 'plan');
  return (
    <div className="lanes">
      {([0, 1] as const).map((i) => (
        <StageLane
          key={`${scenario.id} ${i}`}
          player={player}
          index={i}
          name={scenario.names[i]}
          scenario={scenario}
          places={placesOf(scripts[i]).join()}
          onOpen={onOpen}
          onAgain={onAgain}
        />
      ))}
    </div>
  );
}

function StageLane({
  player,
  index,
  name,
  scenario,
  places,
  onOpen,
  onAgain,
}: {
  player: Player;
  index: 0 | 1;
  name: string;
  scenario: Scenario;
  places: string;
  onOpen: (lane: number, req: number) => void;
  onAgain: ((lane: 0 | 1) => void) | undefined;
}) {
  const requests = useMemo(() => places.split(',').map(Number), [places]);
  const onView = useCallback((view: LaneView | undefined) => player.attach(index, view), [player, index]);
  const latest = useRef({ onOpen, onAgain });
  latest.current = { onOpen, onAgain };
  const open = useCallback((req: number) => latest.current.onOpen(index, req), [index]);
  const again = useCallback(() => latest.current.onAgain?.(index), [index]);
  return (
    <Lane
      name={name}
      keyed={index === 1 || scenario.bothKeyed === true}
      protectedLane={index === 1}
      button={scenario.effect === 'order' ? 'Order a mug' : 'Pay €12.50'}
      twoTabs={scenario.twoTabs === true}
      requests={requests}
      onView={onView}
      onOpen={open}
      onAgain={onAgain && again}
    />
  );
}

/** Lays the stage out anew when its width changes. Stations have fixed sizes, so the font makes no difference. */
function useRedraw(player: Player, stage: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    let width: number | undefined;
    const observer = new ResizeObserver(([entry]) => {
      const now = entry?.contentRect.width;
      if (now !== undefined && now > 0 && now !== width) {
        if (width !== undefined) {
          player.redraw();
        }
        width = now;
      }
    });
    if (stage.current !== null) {
      observer.observe(stage.current);
    }
    return () => observer.disconnect();
  }, [player, stage]);
}

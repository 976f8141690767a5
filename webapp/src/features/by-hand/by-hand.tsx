import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { collect } from '../../model/collect.ts';
import { emptyLane, type Fact, type Lane as LaneFacts, requestsOf } from '../../model/facts.ts';
import type { Evidence } from '../../model/fit.ts';
import type { Scenario } from '../../model/scenarios.ts';
import { tell } from '../../model/tell.ts';
import { plain } from '../../model/words.ts';
import { type Activity, useActivity } from '../../shared/activity.ts';
import { announce } from '../../shared/announce.ts';
import { useCalls } from '../../shared/calls.ts';
import { useSubmissions } from '../../shared/requests.ts';
import type { Submission } from '../../shared/submission.ts';
import { Labels, Lane } from '../../stage/lane.tsx';
import type { LaneView } from '../../stage/lane-view.ts';
import { HandPlayer } from './hand-player.ts';
import { sightingsOf } from './sightings-of.ts';

/** Every press of the forms, played at once: the same lane as on the stage. */
export function ByHand() {
  const [newest] = useSubmissions();
  const { data: activity } = useActivity();
  const calls = useCalls();
  const [player] = useState(() => new HandPlayer());
  /** What the ledger had when the newest press began. */
  const baseline = useRef<{ readonly id: string; readonly known: ReadonlySet<string> }>(undefined);
  const [firstSeen] = useState(newest?.id);

  const scenario = useMemo((): Scenario => scenarioFor(newest), [newest]);
  const lane = useMemo(
    (): LaneFacts =>
      newest === undefined || newest.id === firstSeen ? emptyLane(true) : laneOf(newest, activity, calls, baseline),
    [newest, firstSeen, activity, calls],
  );
  const keyed = newest === undefined || newest.key !== undefined;
  const places = requestsOf(lane.facts).join();
  const requests = useMemo(() => places.split(',').map(Number), [places]);
  const before = useMemo(() => earlier(activity, lane), [activity, lane]);

  const show = useCallback(() => {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    player.show(
      {
        id: newest?.id ?? '',
        lane: { ...lane, keyed },
        scenario,
        before,
        isExtra: extrasOf(activity),
      },
      still || lane.facts.length === 0,
    );
  }, [player, newest, lane, keyed, scenario, before, activity]);

  useEffect(show, [show]);
  useEffect(() => {
    const onResize = () => player.redraw();
    window.addEventListener('resize', onResize);
    return () => {
      window.removeEventListener('resize', onResize);
      player.close();
    };
  }, [player]);

  const settled = newest?.settlement !== undefined && newest.id !== firstSeen;
  const said = settled
    ? tell({ ...lane, ended: false }, { scenario, protectedLane: true })
        .map((beat) => plain(beat.say(beat.facts.length)))
        .join(' ')
    : '';
  useEffect(() => {
    if (said !== '') {
      announce(said);
    }
  }, [said]);

  const onView = useCallback(
    (view: LaneView | undefined) => {
      player.attach(view);
    },
    [player],
  );
  return (
    <section className="stage mini" aria-label="What became of it">
      <Labels />
      <div className="lanes">
        <Lane
          key={String(keyed)}
          name="By hand"
          keyed={keyed}
          protectedLane={keyed}
          button={
            newest?.operation === 'orders.create'
              ? 'Order'
              : newest?.operation === 'customers.create'
                ? 'Sign up'
                : 'Pay'
          }
          twoTabs={false}
          requests={requests}
          heading={2}
          onView={onView}
        />
      </div>
    </section>
  );
}

const hand = {
  id: 'hand',
  short: 'By hand',
  title: 'By hand',
  summary: '',
  names: ['By hand', 'By hand'],
} as const satisfies Scenario;

const effects: ReadonlyMap<string, Scenario['effect']> = new Map([
  ['orders.create', 'order'],
  ['customers.create', 'customer'],
] as const);

function scenarioFor(newest: Submission | undefined): Scenario {
  const effect = effects.get(newest?.operation ?? '');
  return effect === undefined ? hand : { ...hand, effect };
}

/** The facts of one press: what this browser saw, and what the ledger has gained since. */
function laneOf(
  submission: Submission,
  activity: Activity | undefined,
  calls: Evidence['calls'],
  baseline: { current: { readonly id: string; readonly known: ReadonlySet<string> } | undefined },
): LaneFacts {
  if (baseline.current?.id !== submission.id) {
    baseline.current = {
      id: submission.id,
      known: new Set([...(activity?.executions ?? []), ...(activity?.effects ?? [])].map(({ id }) => id)),
    };
  }
  const { known } = baseline.current;
  const fresh = <T extends { readonly id: string; readonly at: string }>(all: readonly T[]) =>
    all.filter(({ id }) => !known.has(id));
  const evidence: Evidence = {
    executions: fresh(activity?.executions ?? []),
    effects: fresh(activity?.effects ?? []).map((effect) => ({ ...effect, detail: (effect.detail ?? {}) as object })),
    calls: calls.filter(({ keyHash }) => keyHash === submission.keyHash),
  };
  const { facts } = collect({ startedAt: submission.startedAt, sightings: sightingsOf(submission), evidence });
  // Alone, a duplicate without a key looks like a first; in the session's ledger it is one more.
  const again = submission.key === undefined && submission.repeats;
  return {
    keyed: submission.key !== undefined,
    facts: facts.map((fact) => (again && fact.source === 'executed' ? { ...fact, source: 'executed-again' } : fact)),
    ended: submission.settlement !== undefined,
  };
}

/** What the ledger had before: effects, and the record of a key that was used already. */
function earlier(activity: Activity | undefined, lane: LaneFacts): readonly Fact[] {
  const now = lane.facts.filter(({ kind }) => kind === 'charged').length;
  const old = [...(activity?.effects ?? [])].reverse().slice(0, Math.max(0, (activity?.effects.length ?? 0) - now));
  const replayed = lane.facts.some(({ kind }) => kind === 'replayed' || kind === 'cached');
  return [
    ...old.map(({ detail }): Fact => {
      const { amount, currency } = (detail ?? {}) as { readonly amount?: unknown; readonly currency?: unknown };
      return {
        t: 0,
        kind: 'charged',
        from: 'server',
        ...(typeof amount === 'number' && typeof currency === 'string' && { amount, currency }),
      };
    }),
    ...(replayed ? [{ t: 0, kind: 'completed', from: 'server' } as const] : []),
  ];
}

/** Too many is what was done without a key, but for the first: nobody can tell whether more was meant. */
function extrasOf(activity: Activity | undefined): (place: number) => boolean {
  const oldestFirst = [...(activity?.effects ?? [])].reverse();
  const unprotected = oldestFirst.flatMap(({ operation }, i) => (operation.startsWith('unprotected-') ? i : []));
  const extra = new Set(unprotected.slice(1));
  return (place) => extra.has(place);
}

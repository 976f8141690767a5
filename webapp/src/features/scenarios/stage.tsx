import { useEffect, useId, useRef } from 'react';
import { CheckIcon, CrossIcon } from '../../shared/icons.tsx';
import { formatMoney } from '../../shared/money.ts';
import { useSubmissions } from '../../shared/requests.ts';
import { type Submission, verdictLabel, verdictOf } from '../../shared/submission.ts';
import { useNow } from '../../shared/use-now.ts';
import { VerdictIcon } from '../../shared/verdict-badge.tsx';
import { submissionsOf } from './bench.ts';
import { CountSelect, PlayButton, useObstacle } from './controls.tsx';
import { countEffects, type Scenario, waysOf } from './scenario.ts';
import classes from './stage.module.css';
import type { ScenarioRuns } from './use-scenarios.ts';

/** The chosen scenario: both ways of it side by side, and what just happened, in words. */
export function Stage({ runs }: { runs: ScenarioRuns }) {
  const { chosen, playing, latest } = runs;
  const title = useId();
  const happened = useId();
  const element = useRef<HTMLElement>(null);
  const ways = waysOf(chosen);
  const obstacle = useObstacle(chosen);

  useEffect(() => {
    if (playing !== undefined) {
      element.current?.scrollIntoView?.({ block: 'nearest' });
    }
  }, [playing]);

  return (
    <section ref={element} className={classes.stage} aria-labelledby={title}>
      <header className={classes.header}>
        <div>
          <h2 id={title} className={classes.title}>
            {chosen.title}
          </h2>
          <p className={classes.summary}>{obstacle ?? chosen.summary}</p>
        </div>
        {chosen.countable && <CountSelect runs={runs} className={classes.count} />}
      </header>
      <div className={classes.ways} data-single={ways.length < 2}>
        <Way runs={runs} guarded name={ways[0]} describedBy={title} />
        {ways[1] !== undefined && <Way runs={runs} guarded={false} name={ways[1]} describedBy={title} />}
      </div>
      <section className={classes.happened} aria-labelledby={happened}>
        <h3 id={happened}>What just happened</h3>
        <div className={classes.text}>
          <div role="status">{!playing && latest && <p>{chosen.story(latest)}</p>}</div>
          {playing && <Progress run={playing.id} />}
          {!playing && !latest && (
            <p className={classes.hint}>
              Nothing yet. {ways.length > 1 ? 'Play it both ways, and compare.' : 'Play it.'}
            </p>
          )}
          <p className={classes.reading}>
            Read on: <a href={chosen.reading.href}>{chosen.reading.text}</a>
          </p>
        </div>
      </section>
    </section>
  );
}

/** One way to play it, and what came of that the last time. */
function Way({
  runs,
  guarded,
  name,
  describedBy,
}: {
  runs: ScenarioRuns;
  guarded: boolean;
  name: string;
  describedBy: string;
}) {
  const { chosen, playing, count } = runs;
  const all = useSubmissions();
  const live = playing?.scenario === chosen && playing.guarded === guarded ? playing : undefined;
  const run = guarded ? runs.guarded : runs.unguarded;
  const submissions = live ? submissionsOf(all, live.id) : (run?.submissions ?? []);
  const expected = chosen.countable ? count : 0;
  const effects = live ? undefined : run?.gained?.effects;
  const verdict = effects === undefined ? undefined : effects === 1 ? 'good' : 'bad';

  return (
    <article className={classes.way} data-verdict-of={verdict} data-guarded={guarded} aria-label={name}>
      <div className={classes.wayHead}>
        <PlayButton scenario={chosen} guarded={guarded} runs={runs} size="sm" describedBy={describedBy} />
        <span className={classes.verdict}>{!live && run && <Judgement scenario={chosen} effects={effects} />}</span>
      </div>
      <div className={classes.flow}>
        <div className={classes.asked}>
          <Marks submissions={submissions} expected={run && !live ? 0 : expected} />
          <p className={classes.caption}>{asked(submissions)}</p>
        </div>
        <span className={classes.arrow} aria-hidden="true" />
        <div className={classes.came}>
          <strong className={classes.number}>{effects ?? (live ? '…' : '–')}</strong>
          <p className={classes.caption}>
            {effects === undefined
              ? countEffects(chosen, 2).slice(2)
              : countEffects(chosen, effects).replace(/^\d+ /, '')}
            {chosen.effect === undefined && effects !== undefined && (
              <>
                <br />
                <b>{formatMoney(effects * 1_250, 'EUR')}</b>
              </>
            )}
          </p>
        </div>
      </div>
    </article>
  );
}

/** Whether that was what somebody wanted, who wanted it once. */
function Judgement({ scenario, effects }: { scenario: Scenario; effects: number | undefined }) {
  if (effects === undefined) {
    return <>the ledger could not be read</>;
  }
  if (effects === 1) {
    return (
      <>
        <CheckIcon /> once, as meant
      </>
    );
  }
  return (
    <>
      <CrossIcon /> {effects === 0 ? 'lost' : `${countEffects(scenario, effects - 1)} too many`}
    </>
  );
}

/** A mark for each submission, in the order in which they were made, and places for those to come. */
function Marks({ submissions, expected }: { submissions: readonly Submission[]; expected: number }) {
  const missing = Math.max(expected, 1) - submissions.length;
  return (
    <ul className={classes.marks} data-many={Math.max(expected, submissions.length) > 10} aria-hidden="true">
      {submissions.map((one) => (
        <li key={one.id} className={classes.mark} data-verdict={verdictOf(one)} title={verdictLabel(verdictOf(one))}>
          <VerdictIcon verdict={verdictOf(one)} />
        </li>
      ))}
      {Array.from({ length: Math.max(0, missing) }, (_, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: places have nothing else
        <li key={place} className={classes.mark} data-empty="true" />
      ))}
    </ul>
  );
}

function asked(submissions: readonly Submission[]): string {
  if (submissions.length === 0) {
    return 'not played yet';
  }
  const requests = submissions.flatMap(({ attempts }) =>
    attempts.filter(({ verdict }) => verdict !== 'not-sent'),
  ).length;
  const pressed = submissions.length === 1 ? 'pressed once' : `pressed ${submissions.length} times`;
  return `${requests} ${requests === 1 ? 'request' : 'requests'}${requests === submissions.length ? '' : `, ${pressed}`}`;
}

/** What a run is waiting for, counted down. */
function Progress({ run }: { run: string }) {
  const now = useNow(true, 250);
  const own = useSubmissions().filter((one) => one.run === run);
  const waiting = own.find((one) => (retryAt(one) ?? 0) - now > 1_500);
  if (waiting !== undefined) {
    const seconds = Math.round(((retryAt(waiting) ?? now) - now) / 1_000);
    return (
      <p role="timer" aria-label="Time until the retry">
        The server asked to come back later (<code>Retry-After</code>). Retrying in{' '}
        <strong className={classes.seconds}>{seconds}</strong> s, with the same key.
      </p>
    );
  }
  return (
    <p>{own.some((one) => verdictOf(one) === 'queued') ? 'Written down, waiting for the network…' : 'Under way…'}</p>
  );
}

/** When a submission that is waiting for its next attempt makes it. */
function retryAt({ settlement, attempts }: Submission): number | undefined {
  const last = attempts.at(-1);
  return settlement === undefined && last?.endedAt !== undefined ? last.retryAt : undefined;
}

import { VisuallyHidden } from '@mantine/core';
import { Panel } from '../../shared/panel.tsx';
import { useSubmissions } from '../../shared/requests.ts';
import type { Submission } from '../../shared/submission.ts';
import { useNow } from '../../shared/use-now.ts';
import type { Run } from './scenario.ts';
import classes from './story.module.css';
import type { ScenarioRuns } from './use-scenarios.ts';

/** What just happened, in words, and what it would have come to without a key. */
export function Story({ runs }: { runs: ScenarioRuns }) {
  const { chosen, playing, guarded, unguarded, latest } = runs;
  return (
    <Panel title="What just happened" note={chosen?.title}>
      <div className={classes.story}>
        <div className={classes.text}>
          <div role="status">{!playing && latest && <p>{latest.scenario.story(latest)}</p>}</div>
          {playing && <Progress run={playing.run} />}
          {!playing && !latest && (
            <p className={classes.hint}>
              {chosen?.summary ?? 'Things go wrong with requests all the time.'} Run it with a key and without, and
              compare.
            </p>
          )}
          {chosen && (
            <p className={classes.reading}>
              Read on: <a href={chosen.reading.href}>{chosen.reading.text}</a>
            </p>
          )}
        </div>
        <dl className={classes.comparison}>
          <Tally name="With a key" run={guarded} good />
          {(chosen === undefined || chosen.comparable) && <Tally name="Without" run={unguarded} />}
        </dl>
      </div>
    </Panel>
  );
}

/** What a run asked for, and what came of it. */
function Tally({ name, run, good = false }: { name: string; run: Run | undefined; good?: boolean }) {
  const requests = run?.submissions.reduce((sum, { settlement }) => sum + (settlement?.attempts ?? 0), 0);
  return (
    <div className={classes.tally} data-good={good} data-known={run !== undefined}>
      <dt>{name}</dt>
      <dd>
        {run ? (
          <>
            <strong>{requests}</strong> requests <span aria-hidden="true">→</span>{' '}
            <VisuallyHidden>made </VisuallyHidden>
            <strong className={classes.effects}>{run.gained?.effects ?? '?'}</strong>{' '}
            {run.gained?.effects === 1 ? 'charge' : 'charges'}
          </>
        ) : (
          <span className={classes.hint}>not run yet</span>
        )}
      </dd>
    </div>
  );
}

/** What a run is waiting for, counted down. */
function Progress({ run }: { run: string }) {
  const now = useNow(true, 250);
  const waiting = useSubmissions().find((one) => one.run === run && retryAt(one) !== undefined);
  const seconds = waiting && Math.round(((retryAt(waiting) ?? now) - now) / 1_000);
  return seconds !== undefined && seconds > 0 ? (
    <p role="timer" aria-label="Time until the retry">
      The server asked to come back later (<code>Retry-After</code>). Retrying in{' '}
      <strong className={classes.seconds}>{seconds}</strong> s, with the same key.
    </p>
  ) : (
    <p>Under way…</p>
  );
}

/** When a submission that is waiting for its next attempt may make it. */
function retryAt({ settlement, attempts }: Submission): number | undefined {
  const last = attempts.at(-1);
  return settlement === undefined && last?.endedAt !== undefined ? last.retryAt : undefined;
}

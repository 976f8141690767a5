import { useId } from 'react';
import { Panel } from '../../shared/panel.tsx';
import { PlayButton, useObstacle } from './controls.tsx';
import { type Scenario, scenarios, waysOf } from './scenario.ts';
import classes from './scenarios.module.css';
import type { ScenarioRuns } from './use-scenarios.ts';

/** The scenarios to choose from, each one click away. */
export function Scenarios({ runs }: { runs: ScenarioRuns }) {
  return (
    <Panel title="Scenarios" note="one click each">
      <ul className={classes.list}>
        {scenarios.map((scenario) => (
          <Item key={scenario.id} scenario={scenario} runs={runs} />
        ))}
      </ul>
    </Panel>
  );
}

function Item({ scenario, runs }: { scenario: Scenario; runs: ScenarioRuns }) {
  const title = useId();
  const obstacle = useObstacle(scenario);
  const button = { scenario, runs, size: 'compact-sm', describedBy: title } as const;
  return (
    <li
      className={classes.item}
      aria-current={scenario === runs.chosen}
      aria-busy={runs.playing?.scenario === scenario}
    >
      <h3 id={title} className={classes.title}>
        {scenario.title}
      </h3>
      <p className={classes.summary}>{obstacle ?? scenario.summary}</p>
      <div className={classes.actions}>
        <PlayButton {...button} guarded />
        {waysOf(scenario).length > 1 && <PlayButton {...button} guarded={false} />}
      </div>
    </li>
  );
}

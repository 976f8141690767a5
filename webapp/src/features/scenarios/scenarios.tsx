import { Button, NativeSelect } from '@mantine/core';
import { useId, useState } from 'react';
import { useApi } from '../../shared/api-context.ts';
import { PlayIcon } from '../../shared/icons.tsx';
import { Panel } from '../../shared/panel.tsx';
import { type Scenario, scenarios } from './scenario.ts';
import classes from './scenarios.module.css';
import type { ScenarioRuns } from './use-scenarios.ts';

const counts = ['2', '5', '10', '20', '50'];

/** The scenarios to choose from, each one click away. */
export function Scenarios({ runs }: { runs: ScenarioRuns }) {
  return (
    <Panel title="Scenarios">
      <ul className={classes.list}>
        {scenarios.map((scenario) => (
          <Item key={scenario.id} scenario={scenario} runs={runs} />
        ))}
      </ul>
    </Panel>
  );
}

function Item({ scenario, runs: { chosen, playing, play } }: { scenario: Scenario; runs: ScenarioRuns }) {
  const { faults } = useApi();
  const [count, setCount] = useState('20');
  const title = useId();
  const unavailable = scenario.needsFaults && !faults;
  const button = (guarded: boolean) => ({
    size: 'compact-sm' as const,
    disabled: unavailable,
    'aria-disabled': playing !== undefined,
    'aria-describedby': title,
    onClick: () => play(scenario, guarded, Number(count)),
  });

  return (
    <li className={classes.item} aria-current={scenario === chosen} aria-busy={playing?.scenario === scenario}>
      <h3 id={title} className={classes.title}>
        {scenario.title}
      </h3>
      <p className={classes.summary}>
        {unavailable ? 'This deployment lets nothing go wrong on purpose.' : scenario.summary}
      </p>
      <div className={classes.actions}>
        <Button {...button(true)} leftSection={<PlayIcon />}>
          {scenario.comparable ? 'With a key' : 'Run'}
        </Button>
        {scenario.comparable && (
          <Button {...button(false)} variant="default">
            Without
          </Button>
        )}
        {scenario.countable && (
          <NativeSelect
            size="xs"
            className={classes.count}
            aria-label="Number of duplicates"
            data={counts.map((value) => ({ value, label: `× ${value}` }))}
            value={count}
            onChange={({ currentTarget }) => setCount(currentTarget.value)}
          />
        )}
      </div>
    </li>
  );
}

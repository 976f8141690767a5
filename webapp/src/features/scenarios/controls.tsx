import { Button, NativeSelect } from '@mantine/core';
import { useApi } from '../../shared/api-context.ts';
import { PlayIcon } from '../../shared/icons.tsx';
import { type Scenario, waysOf } from './scenario.ts';
import type { ScenarioRuns } from './use-scenarios.ts';

const counts = ['2', '5', '10', '20', '50'];

/** Why a scenario cannot be played here, if it cannot. */
export function useObstacle({ needsFaults }: Scenario): string | undefined {
  const { faults } = useApi();
  return needsFaults && !faults ? 'This deployment lets nothing go wrong on purpose.' : undefined;
}

/** Plays a scenario one way. */
export function PlayButton({
  scenario,
  guarded,
  runs: { playing, play },
  size,
  describedBy,
}: {
  scenario: Scenario;
  guarded: boolean;
  runs: ScenarioRuns;
  size: 'compact-sm' | 'sm';
  describedBy: string;
}) {
  const obstacle = useObstacle(scenario);
  const [good, bad] = waysOf(scenario);
  return (
    <Button
      size={size}
      {...(!guarded && { variant: 'default' })}
      disabled={obstacle !== undefined}
      aria-disabled={playing !== undefined}
      aria-describedby={describedBy}
      leftSection={<PlayIcon />}
      onClick={() => play(scenario, guarded)}
    >
      {guarded ? good : bad}
    </Button>
  );
}

/** Chooses the number of duplicates. */
export function CountSelect({
  runs: { count, setCount },
  className,
}: {
  runs: ScenarioRuns;
  className: string | undefined;
}) {
  return (
    <NativeSelect
      size="xs"
      {...(className && { className })}
      aria-label="Number of duplicates"
      data={counts.map((value) => ({ value, label: `× ${value}` }))}
      value={String(count)}
      onChange={({ currentTarget }) => setCount(Number(currentTarget.value))}
    />
  );
}

export { Scenarios } from './scenarios.tsx';
export { Stage } from './stage.tsx';
export { type Counts, type ScenarioRuns, useScenarios } from './use-scenarios.ts';

export { Scenarios } from './scenarios.tsx';
export { Story } from './story.tsx';
export { type Counts, type ScenarioRuns, useScenarios } from './use-scenarios.ts';

import type { Kind } from './facts.ts';
import type { Scenario } from './scenarios.ts';
import type { Sentence } from './words.ts';

/** A sentence of a lane's story, and the facts that it is about. */
export interface Beat {
  /** The kind of the fact that it begins with; `again` for an effect too many, `wait` for patience, `end` for the end. */
  readonly kind: Kind | 'again' | 'wait' | 'end';
  /** In order, as indices into the lane's facts. Empty at the end. */
  readonly facts: readonly number[];
  /** Whether it is told in the story only, and not as a caption. */
  readonly quiet: boolean;
  /** What is said once so many of its facts are there. At the end the number does not matter. */
  readonly say: (seen: number) => Sentence;
}

/** Which lane of which scenario is told. */
export interface Telling {
  readonly scenario: Scenario;
  /** Whether it is the lane that promises something. */
  readonly protectedLane: boolean;
  /** How many requests are expected at least. */
  readonly expected?: number;
}

/** Ends a sentence that has no end yet. */
export function stopped(sentence: Sentence): Sentence {
  const last = sentence.at(-1);
  return typeof last === 'string' && /[.?!]$/.test(last) ? sentence : [...sentence, '.'];
}

import type { Scenario } from './scenarios.ts';

/** A piece of a sentence: plain, emphasised, or the beginning of an idempotency key. */
export type Part = string | { readonly strong: string; readonly tone?: 'good' | 'bad' } | { readonly key: string };

/** A sentence, in pieces. */
export type Sentence = readonly Part[];

/** The sentence as plain text. */
export function plain(sentence: Sentence): string {
  return sentence.map((part) => (typeof part === 'string' ? part : 'strong' in part ? part.strong : part.key)).join('');
}

/** An emphasised piece. */
export function strong(text: string | number, tone?: 'good' | 'bad'): Part {
  return { strong: String(text), ...(tone && { tone }) };
}

/** A count and its noun: `1 request`, `2 requests`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** How often: never, once, twice, 3 times. */
export function howOften(count: number): string {
  return ['never', 'once', 'twice'][count] ?? `${count} times`;
}

/** A time span as people say it. */
export function span(ms: number): string {
  if (ms >= 1_000) {
    return `${Number((ms / 1_000).toFixed(ms >= 10_000 ? 1 : 2))} s`;
  }
  return `${ms >= 10 ? Math.round(ms) : Number(ms.toFixed(1))} ms`;
}

/** An effect's noun. */
export function effectNoun({ effect }: Pick<Scenario, 'effect'>, count: number): string {
  const noun = effect === undefined || effect === 'payment' ? 'charge' : effect;
  return count === 1 ? noun : `${noun}s`;
}

/** What a request asks for, as a noun. */
export function thingNoun({ effect = 'payment' }: Pick<Scenario, 'effect'>): string {
  return effect;
}

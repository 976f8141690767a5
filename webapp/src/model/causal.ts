import type { Fact } from './facts.ts';
import type { Request } from './sightings.ts';

/**
 * Of a call its end is known, and how long it took, not when in between it read the record. Nobody can have found a key in
 * progress before it was claimed, nor an answer before it was kept.
 */
export function causal(facts: readonly Fact[], requests: readonly Request[]): readonly Fact[] {
  const keyOf = new Map(requests.map(({ sent }) => [sent.req, sent.keyHash]));
  const times = (key: string | undefined, wanted: (fact: Fact) => boolean) =>
    key === undefined ? [] : facts.flatMap((fact) => (keyOf.get(fact.req ?? 0) === key && wanted(fact) ? fact.t : []));
  return facts.map((fact) => {
    const key = keyOf.get(fact.req ?? 0);
    if (fact.kind === 'held') {
      const claimed = Math.min(...times(key, ({ kind }) => kind === 'claimed' || kind === 'taken'));
      const until = requests.find(({ sent }) => sent.req === fact.req)?.answer?.t ?? Number.POSITIVE_INFINITY;
      return claimed > fact.t && claimed <= until ? { ...fact, t: claimed } : fact;
    }
    if (fact.kind === 'completed') {
      const own = times(key, ({ kind, req }) => req === fact.req && kind !== 'completed');
      const found = times(key, ({ kind, t }) => kind === 'replayed' && t < fact.t).filter((t) => t >= Math.max(...own));
      return { ...fact, t: Math.min(fact.t, ...found) };
    }
    return fact;
  });
}

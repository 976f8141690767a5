import type { Fact } from './facts.ts';
import { tally } from './totals.ts';

/**
 * Everything in a text that the facts deny. What a sentence claims is read out of its words: for the tests, which don't
 * know how it came about.
 */
export function untrueClaims(text: string, facts: readonly Fact[]): readonly string[] {
  const any = (wanted: (fact: Fact) => boolean) => facts.some(wanted);
  const count = (kind: Fact['kind']) => facts.filter((fact) => fact.kind === kind).length;
  const refusals = (wanted: (fact: Fact) => boolean) =>
    facts.filter((fact) => fact.kind === 'refused' && wanted(fact)).length;
  const claims: readonly (readonly [pattern: RegExp, holds: (match: RegExpMatchArray) => boolean])[] = [
    [/\((4\d\d|5\d\d)\)/g, ([, status]) => any((fact) => fact.status === Number(status))],
    [/told (\d{3})/g, ([, status]) => any((fact) => fact.status === Number(status))],
    [/byte for byte/g, () => any(({ kind, same }) => kind === 'replayed' && same === true)],
    [/carries no key|None says that it is a copy/g, () => any(({ kind, key }) => kind === 'sent' && key === undefined)],
    [/is charged again|another (charge|order)/g, () => count('charged') > 1],
    [/(\d+) (?:charges|orders)/g, ([, n]) => count('charged') >= Number(n)],
    [/(\d+) requests?,/g, ([, n]) => tally(facts).sent === Number(n)],
    [/(\d+) executions?,/g, ([, n]) => count('working') === Number(n)],
    [/retries/g, () => any(({ why }) => why === 'retry')],
    [/network is back/g, () => count('plugged') > 0],
    [/network is gone|there is no network/g, () => count('unplugged') > 0],
    [/takes over/g, () => count('taken') > 0],
    [/is claimed|claims the key/g, () => count('claimed') > 0],
    [/function dies|functions die/g, () => count('crashed') > 0],
    [/ends without answering|answers? (?:is|are) lost/g, () => count('lost') > 0],
    [/forgets the key/g, () => count('forgot') > 0],
    [/a person/gi, () => count('expired') > 0],
    [/another amount/g, () => new Set(facts.map(({ amount }) => amount)).size > 1],
    [/the same key/g, () => any(({ key }) => key !== undefined)],
    [/reach(?:es|ed) nobody|found nobody/g, () => count('bounced') > 0],
    [/in (?:the|its) outbox/g, () => count('queued') > 0],
    [
      /the second tab|knows the answer already/gi,
      () => any(({ why, kind }) => why === 'tab' || kind === 'joined' || kind === 'shared' || kind === 'cached'),
    ],
    [/throttle/g, () => any(({ status, at }) => status === 429 && at !== 'faults')],
    [/on purpose/g, () => any(({ status, at }) => status === 429 && at === 'faults')],
    [/(\d+) receipts?\b/g, ([, n]) => count('mailed') >= Number(n)],
    [/the receipt is sent|another receipt/gi, () => count('mailed') > 0],
    [/charge (?:is )?on record/g, () => count('recalled') > 0],
    [/waits (\d+) s, as it was told/g, ([, s]) => any(({ retryAfter }) => retryAfter === Number(s))],
    [/waits (\d+) s, no less than it was told/g, ([, s]) => any(({ retryAfter = Infinity }) => retryAfter < Number(s))],
    [/(\d+) requests? fails?/g, ([, n]) => refusals(({ status = 0 }) => status >= 500) >= Number(n)],
  ];
  return claims.flatMap(([pattern, holds]) =>
    [...text.matchAll(pattern)].filter((match) => !holds(match)).map(([words]) => `“${words}” in “${text}”`),
  );
}

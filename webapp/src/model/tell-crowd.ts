import { type Fact, type Lane, requestsOf } from './facts.ts';
import { formatMoney } from './money.ts';
import type { Beat, Telling } from './story.ts';
import { effectNoun, type Part, type Sentence, strong, thingNoun } from './words.ts';

/** Facts that a crowd's story does not mention: they are in its numbers. */
const silent: ReadonlySet<Fact['kind']> = new Set(['pressed', 'answered', 'written', 'working']);

/** What many requests go through: facts of one kind are one sentence, with a number in it that counts up. */
export function tellCrowd({ facts, keyed }: Lane, { scenario, expected = 1 }: Telling): readonly Beat[] {
  const groups = new Map<string, { readonly kind: Fact['kind']; readonly facts: number[] }>();
  for (const [i, fact] of facts.entries()) {
    if (silent.has(fact.kind)) {
      continue;
    }
    const name = fact.kind === 'refused' ? `refused ${fact.status} ${fact.at}` : fact.kind;
    const group = groups.get(name);
    if (group === undefined) {
      groups.set(name, { kind: fact.kind, facts: [i] });
    } else {
      group.facts.push(i);
    }
  }
  const copies = requestsOf(facts, expected).length;
  return [...groups.values()].map((group) => ({
    kind: group.kind === 'charged' && group.facts.length > 1 ? 'again' : group.kind,
    facts: group.facts,
    quiet: keyed && group.facts.length === 1 && (group.kind === 'charged' || group.kind === 'completed'),
    say: (seen) => {
      const own = group.facts.slice(0, Math.max(1, seen)).flatMap((i) => facts[i] ?? []);
      return sentence(own, { copies, noun: (n) => effectNoun(scenario, n), thing: thingNoun(scenario) });
    },
  }));
}

function sentence(
  facts: readonly Fact[],
  {
    copies,
    noun,
    thing,
  }: { readonly copies: number; readonly noun: (count: number) => string; readonly thing: string },
): Sentence {
  const [first] = facts;
  const n = facts.length;
  const count = strong(n);
  switch (first?.kind) {
    case 'sent': {
      const keys = new Set(facts.map(({ key }) => key));
      const [key] = keys;
      const head: readonly Part[] = [count, ` of ${copies} copies ${n === 1 ? 'has' : 'have'} left the browser`];
      if (keys.size > 1) {
        return [...head, `, with ${keys.size} different keys.`];
      }
      if (key === undefined) {
        return [...head, '. None says that it is a copy.'];
      }
      return [...head, n === 1 ? ', with the key ' : ', all with the key ', { key }, '.'];
    }
    case 'claimed':
      return n === 1
        ? ['One copy claims the key, by one conditional write. Only one can win it.']
        : [strong(n, 'bad'), ' copies claimed the key. Only one should have.'];
    case 'taken':
      return [count, n === 1 ? ' copy takes over.' : ' copies take over.'];
    case 'held':
      return [
        count,
        n === 1
          ? ' copy finds the record in progress, and waits for its answer.'
          : ' copies find the record in progress, and wait for its answer.',
      ];
    case 'charged': {
      const sums = new Set(facts.map(({ amount, currency }) => `${amount} ${currency}`));
      if (n > 1) {
        return [strong(n, 'bad'), ` ${noun(n)}. The ledger can’t tell a copy from a new ${thing}.`];
      }
      return first.amount === undefined || first.currency === undefined || sums.size > 1
        ? [count, ` ${noun(1)}.`]
        : [strong(formatMoney(first.amount, first.currency)), ' charged.'];
    }
    case 'completed':
      return n === 1
        ? [`Its answer is kept in the record${first.bytes === undefined ? '' : `, ${first.bytes} bytes`}.`]
        : [count, ' answers are kept.'];
    case 'replayed': {
      const memory = facts.filter(({ by }) => by === 'memory').length;
      const same = facts.every((fact) => fact.same === true);
      return [
        count,
        ` ${n === 1 ? 'copy is' : 'copies are'} given that answer${same ? ', byte for byte' : ''}${memory > 0 ? `, ${memory} of them from the function’s memory` : ''}.`,
      ];
    }
    case 'refused':
      if ((first.status ?? 0) >= 500) {
        const why = first.title === undefined ? '' : `: ${first.title}`;
        return [count, ` ${n === 1 ? 'request fails' : 'requests fail'} (${first.status})${why}.`];
      }
      return [count, ` ${n === 1 ? 'copy is' : 'copies are'} ${refusal(first)}`];
    case 'bounced':
      return [count, ` ${n === 1 ? 'request' : 'requests'} found nobody: the API can’t be reached.`];
    case 'crashed':
      return [count, ` ${n === 1 ? 'function dies' : 'functions die'} before answering.`];
    case 'lost':
      return [count, ` ${n === 1 ? 'answer is' : 'answers are'} lost.`];
    case 'recalled':
      return [count, n === 1 ? ' finds the charge on record.' : ' find the charge on record.'];
    case 'mailed':
      return [strong(n, n > 1 ? 'bad' : undefined), n === 1 ? ' receipt is sent.' : ' receipts are sent.'];
    case 'reconciled':
      return [count, n === 1 ? ' finds its charge at the processor.' : ' find their charge at the processor.'];
    case 'queued':
      return [count, n === 1 ? ' waits in the outbox.' : ' wait in the outbox.'];
    case 'unplugged':
      return ['The network is gone.'];
    case 'plugged':
      return ['The network is back.'];
    case 'reloaded':
      return ['The page is reloaded.'];
    case 'forgot':
      return ['The window is over: the server forgets the key.'];
    default:
      return [count, ` of ${copies}: ${first?.kind ?? 'nothing'}.`];
  }
}

function refusal({ status = 0, at, title }: Fact): string {
  if (status === 429 && at === 'faults') {
    return 'refused (429): too much was to go wrong on purpose.';
  }
  if (status === 429) {
    return 'refused by the API’s throttle (429), before it reached the function.';
  }
  if (status === 409 && at === 'record') {
    return 'told that the first is still in progress (409).';
  }
  if (status === 422 && at === 'record') {
    return 'refused: the key belongs to another payload (422).';
  }
  return `refused (${status})${title === undefined ? '' : `: ${title}`}.`;
}

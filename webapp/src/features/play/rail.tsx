import { type KeyboardEvent, useEffect, useRef } from 'react';
import { judge } from '../../model/judge.ts';
import { formatMoney } from '../../model/money.ts';
import { type Scenario, scenarios } from '../../model/scenarios.ts';
import { tally } from '../../model/totals.ts';
import { howOften } from '../../model/words.ts';
import type { Results } from './results.ts';

/** What a payment costs in every scenario: what is charged beyond it is too much. */
const price = 1_250;

/** The scenarios, and how often it happened in each: without, and with. */
export function Rail({
  chosen,
  results,
  onChoose,
}: {
  chosen: Scenario;
  results: Results;
  onChoose: (scenario: Scenario) => void;
}) {
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const element = list.current;
    const tab = element?.querySelector<HTMLElement>(`#tab-${chosen.id}`);
    if (element && tab && element.scrollWidth > element.clientWidth) {
      element.scrollLeft = tab.offsetLeft - 16;
    }
  }, [chosen]);

  const onKeyDown = (event: KeyboardEvent) => {
    const at = scenarios.indexOf(chosen);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: scenarios.length - 1,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = scenarios[(step + scenarios.length) % scenarios.length];
      if (next !== undefined) {
        onChoose(next);
        list.current?.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
      }
    }
  };

  return (
    <aside className="rail" aria-label="Scoreboard">
      <div className="rail-head">
        <h2>It happened</h2>
        <span>without</span>
        <span>with</span>
      </div>
      <div
        ref={list}
        className="rail-list"
        role="tablist"
        aria-label="Scenarios"
        aria-orientation="vertical"
        onKeyDown={onKeyDown}
      >
        {scenarios.map((scenario) => {
          const run = results.get(scenario.id);
          const judged = run && [judge(run.lanes[0], false), judge(run.lanes[1], true)];
          return (
            <button
              key={scenario.id}
              id={`tab-${scenario.id}`}
              type="button"
              role="tab"
              aria-controls="stage"
              aria-selected={scenario === chosen}
              tabIndex={scenario === chosen ? 0 : -1}
              aria-label={scenario.title + (judged ? `: without ${often(judged[0])}, with ${often(judged[1])}` : '')}
              onClick={() => onChoose(scenario)}
            >
              <span className="name">{scenario.short}</span>
              {[0, 1].map((i) => (
                // Another value is another cell: no text changes its width in place.
                <b key={`${i} ${judged?.[i]?.value}`} className="cell" data-tone={judged?.[i]?.tone ?? 'none'}>
                  {judged?.[i]?.value ?? '–'}
                </b>
              ))}
            </button>
          );
        })}
      </div>
      <Overcharged results={results} />
    </aside>
  );
}

function often(judged: ReturnType<typeof judge> | undefined): string {
  return judged?.effects === undefined ? 'not known' : howOften(judged.effects);
}

function Overcharged({ results }: { results: Results }) {
  if (results.size === 0) {
    return (
      <p className="rail-foot">
        <span>Nothing played yet</span>
      </p>
    );
  }
  const sums = ([0, 1] as const).map((i) =>
    [...results.values()]
      .flatMap((run) => tally(run.lanes[i].facts).sums)
      .reduce((sum, { amount }) => sum + Math.max(0, amount - price), 0),
  );
  return (
    <p className="rail-foot">
      <span>Overcharged</span>
      {sums.map((sum, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two lanes, always the same
        <b key={i} data-bad={sum > 0}>
          {formatMoney(sum, 'EUR')}
        </b>
      ))}
    </p>
  );
}

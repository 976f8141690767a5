import { formatMoney } from '../../model/money.ts';
import { tally } from '../../model/totals.ts';
import { effectNoun, span } from '../../model/words.ts';
import { usePlayer } from '../../stage/player.ts';
import type { TabProps } from './tabs.tsx';

/** How many entries of a lane are listed. */
const listed = 50;

/** Both lanes' entries beside each other, those too many in red. */
export function LedgerTab({ player }: TabProps) {
  const plan = usePlayer(player, 'plan');
  const { scripts, scenario, live } = plan;
  return (
    <div className="both">
      {scripts.map(({ lane }, i) => {
        const entries = lane.facts.filter(({ kind }) => kind === 'charged' || kind === 'mailed');
        const effects = entries.filter(({ kind }) => kind === 'charged').length;
        const { sums } = tally(lane.facts);
        const said =
          lane.report?.kind === 'read'
            ? lane.report.agrees && lane.report.effects === effects
              ? 'Confirmed by the API.'
              : `The page was told of ${lane.report.told}, the API says ${lane.report.effects}.`
            : live
              ? 'The run is under way.'
              : lane.facts.length === 0
                ? 'Nothing played yet.'
                : 'The ledger could not be read.';
        return (
          <div key={scenario.names[i]}>
            <h3 className="sub">{scenario.names[i]}</h3>
            {entries.length === 0 ? (
              <p className="hint">No entries.</p>
            ) : (
              <ol className="rows">
                {entries.slice(0, listed).map(({ kind, t, req, amount, currency }, k) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: entries have no other name, and only grow
                  <li key={k} data-extra={entries.findIndex((one) => one.kind === kind) < k}>
                    <time>{span(t)}</time>
                    <span>{kind === 'mailed' ? 'receipt' : effectNoun(scenario, 1)}</span>
                    <b>{amount !== undefined && currency !== undefined ? formatMoney(amount, currency) : '1'}</b>
                    <code>{req === undefined ? '' : `req ${req}`}</code>
                  </li>
                ))}
                {entries.length > listed && <li className="more">and {entries.length - listed} more</li>}
              </ol>
            )}
            <p className="sum">
              <span>{said}</span>
              <b>{sums.map(({ amount, currency }) => formatMoney(amount, currency)).join(' + ')}</b>
            </p>
          </div>
        );
      })}
    </div>
  );
}

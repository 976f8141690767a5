import { useSyncExternalStore } from 'react';
import { verdict } from '../model/judge.ts';
import { span } from '../model/words.ts';
import { Icon } from './icons.tsx';
import type { Player } from './player.ts';
import { Words } from './sentence.tsx';

/** What happened, a sentence per event; each is a way to its moment. */
export function Told({ player, next, onNext }: { player: Player; next: string; onNext: () => void }) {
  const { plan, reached, begun, over } = useSyncExternalStore(player.subscribe, player.get);
  const { run, scenario, scripts, live } = plan;
  const idle = !begun;
  return (
    <section className="told" aria-label="What happened" data-idle={idle}>
      {idle ? (
        <p className="idle">
          Press play, and what happens is told here, event by event. Any request on the stage can be opened.
        </p>
      ) : (
        <div className="told-head">
          <p className="verdict" data-hidden={!over}>
            {!live && <Words of={verdict(run, scenario)} />}
          </p>
          <button type="button" className="btn ghost" onClick={onNext}>
            Next: {next}
            <Icon name="arrow" />
          </button>
        </div>
      )}
      {!idle && (
        <div className="tales">
          {scripts.map(({ story, protectedLane }, i) => (
            <section key={scenario.names[i]} className="tale" data-protected={protectedLane}>
              <h3>{scenario.names[i]}</h3>
              <ol>
                {story.map(({ beat, t, from }, k) => {
                  const count = reached[i] ?? 0;
                  return (
                    // biome-ignore lint/suspicious/noArrayIndexKey: a sentence's place is its name: stories only grow
                    <li key={k} data-state={k < count - 1 ? 'past' : k === count - 1 ? 'now' : 'next'}>
                      <button type="button" onClick={() => player.seek(from + 320)}>
                        <time>{span(t)}</time>
                        <span>
                          <Words of={beat.say(beat.facts.length)} />
                        </span>
                      </button>
                    </li>
                  );
                })}
              </ol>
            </section>
          ))}
        </div>
      )}
    </section>
  );
}

import { Fragment } from 'react';
import { Icon } from '../../stage/icons.tsx';

/**
 * What the page is for, and the one button. The same markup stands in index.html, so that it is there before any script:
 * a test holds the two together.
 */
export function Hero({
  label,
  note = 'Real requests to this API, both ways',
  playing,
  onPlay,
}: {
  label: string;
  note?: string;
  playing: boolean;
  onPlay: () => void;
}) {
  return (
    <section className="hero" aria-labelledby="title">
      <div>
        <h1 id="title">
          <span>Send it twice.</span> <span>It happens once.</span>
        </h1>
        <p className="lede">
          Networks lose answers, people click twice, functions crash. So requests are sent again, and each looks like a
          new payment. With <strong>one key per payment</strong>, every copy gets the first answer.
        </p>
      </div>
      <div className="cta">
        <button type="button" className="btn primary big" data-playing={playing} onClick={onPlay}>
          {/* Another label is another text in another place, not one that moves. */}
          <Fragment key={label}>
            <Icon name="play" />
            <span>{label}</span>
          </Fragment>
        </button>
        <p className="cta-note">{note}</p>
      </div>
    </section>
  );
}

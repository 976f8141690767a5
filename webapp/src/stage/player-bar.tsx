import { type KeyboardEvent, memo, type PointerEvent, useEffect, useRef } from 'react';
import type { Kind } from '../model/facts.ts';
import { measureInWords } from '../model/warp.ts';
import { span } from '../model/words.ts';
import { Icon } from './icons.tsx';
import { type Frame, type Plan, type Player, usePlayer } from './player.ts';

/** Facts that leave a tick on the scrubber. */
const ticked: ReadonlySet<Kind> = new Set([
  'charged',
  'claimed',
  'replayed',
  'refused',
  'crashed',
  'lost',
  'bounced',
  'queued',
  'reloaded',
  'plugged',
  'taken',
  'reconciled',
  'recalled',
  'mailed',
  'joined',
  'shared',
  'forgot',
  'expired',
]);

const speeds = [1, 2, 0.5] as const;

/** Play, step, scrub, speed. @param onPlay in place of the player's own, where pressing play sends something */
export function PlayerBar({
  player,
  onPlay,
  onStep,
  onShare,
}: {
  player: Player;
  onPlay: () => void;
  onStep: () => void;
  onShare: (() => void) | undefined;
}) {
  const plan = usePlayer(player, 'plan');
  const playing = usePlayer(player, 'playing');
  const speed = usePlayer(player, 'speed');
  const scrub = useRef<HTMLDivElement>(null);
  const fill = useRef<HTMLDivElement>(null);
  const knob = useRef<HTMLDivElement>(null);
  const clock = useRef<HTMLElement>(null);
  const rate = useRef<HTMLSpanElement>(null);
  const width = useRef(0);

  useEffect(() => {
    const measure = () => {
      width.current = scrub.current?.clientWidth ?? 0;
      draw(player.now());
    };
    const set = (element: HTMLElement | null, text: string) => {
      if (element !== null && element.textContent !== text) {
        element.textContent = text;
      }
    };
    const draw = ({ s, t, measure: slow, live, plan: now }: Frame) => {
      const part = Math.min(1, now.total > 0 ? s / now.total : 0);
      if (fill.current !== null && knob.current !== null) {
        fill.current.style.transform = `scaleX(${part.toFixed(4)})`;
        knob.current.style.transform = `translateX(${(part * width.current).toFixed(1)}px)`;
      }
      const text = span(t);
      const whole = span(now.warp.length);
      set(clock.current, text);
      set(
        rate.current,
        live && s >= now.warp.last
          ? 'live'
          : s <= 0 || s >= now.warp.last
            ? now.warp.length > 0
              ? `of ${whole}`
              : ''
            : measureInWords(slow),
      );
      scrub.current?.setAttribute('aria-valuenow', String(Math.round(s)));
      scrub.current?.setAttribute('aria-valuetext', `${text} of ${whole}`);
    };
    const stop = player.onFrame(draw);
    const observer = new ResizeObserver(measure);
    if (scrub.current !== null) {
      observer.observe(scrub.current);
    }
    measure();
    return () => {
      stop();
      observer.disconnect();
    };
  }, [player]);

  const toMoment = ({ clientX }: PointerEvent) => {
    const box = scrub.current?.getBoundingClientRect();
    if (box !== undefined && box.width > 0) {
      player.seek(((clientX - box.left) / box.width) * player.get().plan.total);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, () => void>> = {
      ArrowRight: () => player.by(250),
      ArrowUp: () => player.by(250),
      ArrowLeft: () => player.by(-250),
      ArrowDown: () => player.by(-250),
      PageUp: () => player.by(1_500),
      PageDown: () => player.by(-1_500),
      Home: () => player.seek(0),
      End: () => player.seek(player.get().plan.total),
      ' ': onPlay,
    };
    const act = steps[event.key];
    if (act !== undefined) {
      event.preventDefault();
      act();
    }
  };

  return (
    <fieldset className="player" aria-label="Replay" data-playing={playing}>
      <button type="button" className="round" aria-label={playing ? 'Pause' : 'Play'} onClick={onPlay}>
        <Icon name={playing ? 'pause' : 'play'} />
      </button>
      <button
        type="button"
        className="icon step"
        aria-label="Previous event"
        onClick={() => {
          player.step(-1);
          onStep();
        }}
      >
        <Icon name="left" />
      </button>
      <button
        type="button"
        className="icon step"
        aria-label="Next event"
        onClick={() => {
          player.step(1);
          onStep();
        }}
      >
        <Icon name="right" />
      </button>
      <div
        ref={scrub}
        className="scrub"
        role="slider"
        tabIndex={0}
        aria-label="Moment"
        aria-valuemin={0}
        aria-valuemax={Math.round(plan.total)}
        aria-valuenow={0}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          toMoment(event);
        }}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) {
            toMoment(event);
          }
        }}
      >
        <Marks plan={plan} />
        <div ref={fill} className="scrub-fill" />
        <div ref={knob} className="knob" />
      </div>
      <div className="clock">
        <b ref={clock}>0 ms</b>
        <span ref={rate} />
      </div>
      <button
        type="button"
        className="text speed"
        aria-label={`Speed: ${speed}`}
        onClick={() => player.setSpeed(speeds[(speeds.indexOf(speed as 1) + 1) % speeds.length] ?? 1)}
      >
        {speed === 0.5 ? '½' : speed}×
      </button>
      <button type="button" className="text share" disabled={onShare === undefined} onClick={onShare}>
        <Icon name="link" />
        <span>Copy link</span>
      </button>
    </fieldset>
  );
}

/**
 * The scrubber's background: waits are dashed, facts are ticks. Drawn as one picture: while a run is under way its marks
 * change places, and nothing of the page is to move.
 */
const Marks = memo(function Marks({ plan: { warp, total } }: { plan: Plan }) {
  const percent = (s: number) => `${((s / total) * 100).toFixed(2)}%`;
  return (
    <svg className="scrub-bg" aria-hidden="true">
      <rect className="bar" y="18" width="100%" height="5" rx="2.5" />
      {warp.stretches
        .filter(({ wait }) => wait)
        .map(({ s0, s1, t0, t1 }) => (
          <g key={s0}>
            <line className="gap" x1={percent(s0)} x2={percent(s1)} y1="20.5" y2="20.5" />
            {(s1 - s0) / total > 0.1 && (
              <text x={percent((s0 + s1) / 2)} y="12">
                {span(t1 - t0)}
              </text>
            )}
          </g>
        ))}
      {warp.lanes.flatMap((shown, lane) => {
        let effects = 0;
        return shown
          .filter(({ fact }) => ticked.has(fact.kind))
          .map(({ fact, s }) => {
            const again = fact.kind === 'charged' && ++effects > 1;
            return (
              <rect
                // biome-ignore lint/suspicious/noArrayIndexKey: lanes have no other name here
                key={`${lane} ${fact.kind} ${fact.req} ${s}`}
                className="tick"
                data-lane={lane}
                data-again={again}
                x={percent(s)}
                y={lane === 1 ? 9 : 27}
                width="2"
                height="5"
                rx="1"
              />
            );
          });
      })}
    </svg>
  );
});

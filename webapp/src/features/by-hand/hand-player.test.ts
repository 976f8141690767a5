import { beforeEach, expect, it, vi } from 'vitest';
import type { Fact } from '../../model/facts.ts';
import type { LaneView } from '../../stage/lane-view.ts';
import { type Act, HandPlayer } from './hand-player.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'requestAnimationFrame', 'cancelAnimationFrame'] });
});

/** A view that remembers where it is, and whether what moves in it moves. */
function canvas() {
  const state = { s: -1, moving: false, painted: -1, closed: false };
  const view = {
    animate: () => Object.assign(state, { s: 0, moving: false }),
    seek: (s: number) => Object.assign(state, { s }),
    play: (s: number) => Object.assign(state, { s, moving: true }),
    pause: () => Object.assign(state, { moving: false }),
    paint: (s: number) => Object.assign(state, { painted: s }),
    close: () => Object.assign(state, { closed: true }),
  };
  return { state, view: view as unknown as LaneView };
}

const facts: readonly Fact[] = [
  { t: 0, kind: 'sent', from: 'client', req: 1, why: 'first', key: '8f3c' },
  { t: 4, kind: 'claimed', from: 'server', req: 1 },
  { t: 6, kind: 'charged', from: 'server', req: 1, amount: 1_250, currency: 'EUR' },
  { t: 9, kind: 'answered', from: 'client', req: 1, status: 201, source: 'executed' },
];
const act: Act = {
  id: 'one',
  lane: { keyed: true, facts, ended: true },
  scenario: { id: 'hand', short: '', title: '', summary: '', names: ['By hand', 'By hand'] },
  before: [],
  isExtra: () => false,
};

it('goes on moving after the window has got another size, or the lane another view', () => {
  const player = new HandPlayer();
  const first = canvas();
  player.attach(first.view);
  player.show(act, false);
  vi.advanceTimersByTime(500);
  player.redraw();
  expect(first.state).toMatchObject({ moving: true, s: first.state.painted });
  const second = canvas();
  player.attach(second.view);
  expect(first.state.closed).toBe(true);
  expect(second.state).toMatchObject({ moving: true, s: second.state.painted });
  vi.advanceTimersByTime(20_000);
  const { painted } = second.state;
  player.redraw();
  expect(second.state).toMatchObject({ moving: false, s: painted, painted });
});

it('shows its end at once where nothing is to travel', () => {
  const player = new HandPlayer();
  const { state, view } = canvas();
  player.attach(view);
  player.show(act, true);
  const { painted } = state;
  expect(painted).toBeGreaterThan(400);
  vi.advanceTimersByTime(20_000);
  expect(state).toMatchObject({ moving: false, s: painted, painted });
});

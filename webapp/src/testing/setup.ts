import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { takeUnhandled, unhandled } from './network.ts';

// Generous, because a busy machine is no failure.
configure({ asyncUtilTimeout: 60_000 });

// The pretended browser has no animations: what moves is tested as keyframes, and in a real one.
Element.prototype.animate = () =>
  ({ cancel() {}, pause() {}, play() {}, currentTime: 0, playbackRate: 1 }) as unknown as Animation;

// Whatever a test has not foreseen fails it, even where the code under test swallows the error.
beforeEach(() => {
  vi.stubGlobal('fetch', unhandled);
});

afterEach(() => {
  cleanup();
  localStorage.clear();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  expect(takeUnhandled(), 'requests that no route of the test answers').toEqual([]);
});

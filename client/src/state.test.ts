import { describe, expect, it } from 'vitest';
import readme from '../README.md?raw';
import { mayFollow, type StoredState } from './state.ts';

const states: readonly StoredState[] = ['pending', 'in-flight', 'queued', 'blocked', 'succeeded', 'failed', 'expired'];

describe('the state diagram of the README', () => {
  it('has every transition that there is, and no other', () => {
    const drawn = [...readme.matchAll(/^ +(\w+) --> (\w+):/gm)].map(([, from, to]) =>
      `${from} → ${to}`.replaceAll('_', '-'),
    );
    const real = states.flatMap((from) => states.filter((to) => mayFollow(from, to)).map((to) => `${from} → ${to}`));
    expect(drawn.sort()).toEqual(['draft → pending', ...real].sort());
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lane as anyLane, run as anyRun, settledLane } from './arbitrary.ts';
import { untrueClaims } from './claims.ts';
import type { Lane } from './facts.ts';
import { doubtOf, judge, notice, verdict } from './judge.ts';
import { momentAt, timed } from './moment.ts';
import { scenarioOf, scenarios } from './scenarios.ts';
import { tell } from './tell.ts';
import { tally } from './totals.ts';
import { clockAt, warp } from './warp.ts';
import { plain, type Sentence } from './words.ts';

/*
 * No sentence says what the facts deny. Facts come in any number and order, contradictions included; what a sentence
 * claims is read out of its words, and held against the facts.
 */

const telling = fc.record({
  scenario: fc.constantFrom(...scenarios),
  protectedLane: fc.boolean(),
  expected: fc.constantFrom(1, 20),
});

/** Everything that is wrong with a sentence, given everything that has happened. */
function lies(sentence: Sentence, { facts }: Pick<Lane, 'facts'>): readonly string[] {
  const text = plain(sentence);
  const keys = sentence.flatMap((part) => (typeof part === 'object' && 'key' in part ? [part.key] : []));
  const unknown = keys.filter((key) => !facts.some((fact) => fact.key === key));
  return [...untrueClaims(text, facts), ...unknown.map((key) => `the key ${key} in “${text}”`)];
}

describe('whatever the facts are', () => {
  it('no sentence of a story denies them', () => {
    fc.assert(
      fc.property(anyLane, telling, (lane, about) => {
        for (const beat of tell(lane, about)) {
          for (let seen = 0; seen <= beat.facts.length; seen++) {
            expect(lies(beat.say(seen), lane)).toEqual([]);
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  it('a sentence speaks of what has been shown only', () => {
    fc.assert(
      fc.property(anyLane, telling, (lane, about) => {
        for (const beat of tell(lane, about)) {
          const last = beat.facts.at(-1);
          if (last !== undefined) {
            // What comes later can add to nothing that this sentence says, but to what the browser was told at the end.
            const until = { facts: lane.facts.slice(0, last + 1) };
            const later = lies(beat.say(beat.facts.length), until).filter((lie) => !/told|waits/.test(lie));
            expect(later).toEqual([]);
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  it('the verdict counts what the ledger has, or says that it is not known', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const scenario = scenarioOf(run.scenario);
        const text = plain(verdict(run, scenario));
        for (const [i, lane] of run.lanes.entries()) {
          const { effects } = judge(lane, i === 1);
          if (effects !== undefined) {
            expect(lane.report).toMatchObject({ kind: 'read', effects });
            expect(effects).toBe(lane.facts.filter(({ kind }) => kind === 'charged').length);
          } else {
            expect(text).toMatch(/not known|never reached/);
          }
        }
        if (/happened once.*happened once/.test(text)) {
          expect(run.lanes.map(({ facts }) => tally(facts).effects)).toEqual([1, 1]);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('“as meant” is one effect that the API confirms, and red is more than one or none', () => {
    fc.assert(
      fc.property(anyLane, fc.boolean(), (lane, protectedLane) => {
        const { tone, text } = judge(lane, protectedLane);
        const { effects, receipts } = tally(lane.facts);
        if (text === 'as meant') {
          expect(effects).toBe(1);
          expect(lane.report).toMatchObject({ kind: 'read', effects: 1, agrees: true });
        }
        if (tone === 'bad') {
          expect([effects, receipts]).not.toEqual([1, 1]);
          expect(effects === 1 && !lane.facts.some(({ receipt }) => receipt)).toBe(false);
        }
        if (doubtOf(lane) !== undefined) {
          expect(tone).toBe('unknown');
        }
      }),
      { numRuns: 600 },
    );
  });

  it('a protected lane with two effects is never called good', () => {
    fc.assert(
      fc.property(settledLane, telling, (lane, about) => {
        const end = plain(
          tell(lane, { ...about, protectedLane: true })
            .at(-1)
            ?.say(0) ?? [],
        );
        const twice = tally(lane.facts).effects > 1 && doubtOf(lane) === undefined;
        expect(end.includes('should not happen')).toBe(twice);
      }),
      { numRuns: 600 },
    );
  });

  it('notices name statuses that occurred', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const said = notice(run, scenarioOf(run.scenario)) ?? '';
        const statuses = run.lanes.flatMap(({ facts }) => facts.map(({ status }) => String(status)));
        for (const [, status] of said.matchAll(/\((\d{3})\)/g)) {
          expect(statuses).toContain(status);
        }
      }),
    );
  });

  it('every moment adds up: nothing is counted before it is shown', () => {
    fc.assert(
      fc.property(anyRun, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }), (run, parts) => {
        const laid = warp(run);
        for (const part of [...parts, 1]) {
          const s = part * laid.last;
          for (const [i, lane] of run.lanes.entries()) {
            const shown = laid.lanes[i] ?? [];
            const about = { scenario: scenarioOf(run.scenario), protectedLane: i === 1 };
            const script = { lane, shown, ...about, story: timed(tell(lane, about), shown) };
            const moment = momentAt(script, s, clockAt(laid, s));
            const passed = shown.filter((one) => one.s <= s).map(({ fact }) => fact);
            expect(moment.total.effects).toBe(passed.filter(({ kind }) => kind === 'charged').length);
            expect(moment.total.sent).toBeLessThanOrEqual(passed.filter(({ kind }) => kind === 'sent').length);
            expect(moment.total.effects).toBeLessThanOrEqual(tally(lane.facts).effects);
            if (moment.done === 'unknown' && moment.total.effects === 0 && doubtOf(lane) === 'unreadable') {
              expect(moment.sum).toBe('–'); // nobody has seen that nothing was charged
            }
          }
        }
      }),
    );
  });
});

describe('the measure of time', () => {
  it('never shows a fact before its time, nor in another order within its lane', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const laid = warp(run);
        for (const [i, shown] of laid.lanes.entries()) {
          expect(shown.map(({ fact }) => fact)).toEqual(run.lanes[i]?.facts);
          for (const [k, { s, fact }] of shown.entries()) {
            expect(clockAt(laid, s)).toBeGreaterThanOrEqual(fact.t - 1e-6);
            expect(s).toBeGreaterThanOrEqual(shown[k - 1]?.s ?? 0);
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  it('has a clock that only goes forward', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const laid = warp(run);
        const times = Array.from({ length: 60 }, (_, i) => clockAt(laid, (i / 59) * (laid.last + 100)));
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
    );
  });
});

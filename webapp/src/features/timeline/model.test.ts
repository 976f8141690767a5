import { describe, expect, it } from 'vitest';
import type { Call } from '../../shared/calls.ts';
import type { Attempt, Submission, Verdict } from '../../shared/submission.ts';
import { formatDuration, layOut, placeOfCaption, together } from './model.ts';

const t0 = Date.parse('2026-01-01T10:00:00Z');

function submission(
  id: string,
  startMs: number,
  attempts: readonly Attempt[],
  more: Partial<Submission> = {},
): Submission {
  return {
    id,
    number: 1,
    operation: 'payments.create',
    url: 'https://api.example/payments',
    body: {},
    key: 'k',
    repeats: false,
    startedAt: t0 + startMs,
    attempts,
    settlement: {
      outcome: { kind: 'done', source: 'executed', status: 201 },
      attempts: attempts.length,
      latencyMs: 1,
    },
    ...more,
  };
}

const attempt = (fromMs: number, toMs: number, verdict: Verdict = 'executed'): Attempt => ({
  startedAt: t0 + fromMs,
  endedAt: t0 + toMs,
  verdict,
});

function call(id: string, atMs: number, outcome = 'executed', more: Partial<Call> = {}): Call {
  return {
    id,
    operation: 'payments.create',
    keyHash: 'h',
    outcome,
    cost: { roundTrips: 2, readUnits: 0, writeUnits: 2 },
    durationMs: 4,
    at: new Date(t0 + atMs).toISOString(),
    ...more,
  };
}

const none = new Map<Attempt, Call>();

const idsOf = (submissions: readonly Submission[]) => submissions.map(({ id }) => id);

describe('together', () => {
  const hand = (id: string, startMs: number) => submission(id, startMs, [attempt(startMs, startMs + 10)]);

  it('are the newest that followed each other closely, oldest first', () => {
    expect(idsOf(together([hand('d', 21_000), hand('c', 20_000), hand('b', 1_000), hand('a', 0)]))).toEqual(['c', 'd']);
  });

  it('are those around the selected one', () => {
    const all = [hand('d', 21_000), hand('c', 20_000), hand('b', 1_000), hand('a', 0)];
    expect(idsOf(together(all, 'b'))).toEqual(['a', 'b']);
    expect(idsOf(together(all, 'unknown'))).toEqual(['c', 'd']);
  });

  it('are a run, and nothing that was pressed meanwhile', () => {
    const ofRun = (id: string) => submission(id, 0, [], { run: 'r' });
    expect(idsOf(together([ofRun('c'), hand('b', 0), ofRun('a')]))).toEqual(['a', 'c']);
    expect(idsOf(together([ofRun('c'), hand('b', 0), ofRun('a')], 'b'))).toEqual(['b']);
  });

  it('are none where there are none', () => {
    expect(together([])).toEqual([]);
  });
});

describe('the layout', () => {
  it('puts waits, requests and calls on one axis', () => {
    const retried = submission('a', 0, [attempt(0, 20, 'in-progress'), attempt(80, 100, 'server-replay')]);
    const [first, second] = retried.attempts as [Attempt, Attempt];
    const calls = new Map([
      [first, call('c1', 15, 'in_progress')],
      [second, call('c2', 95, 'replayed')],
    ]);
    const { lengthMs, rows } = layOut([retried], calls, t0);
    expect(lengthMs).toBeCloseTo(102);
    const [row] = rows;
    expect(row?.browser.from).toBe(0);
    expect(row?.browser.to).toBeCloseTo(100 / 102);
    expect(row?.attempts.map(({ from }) => Math.round(from * 102))).toEqual([0, 80]);
    expect(row?.calls.map(({ call: { id }, from, to }) => [id, Math.round(from * 102), Math.round(to * 102)])).toEqual([
      ['c1', 11, 15],
      ['c2', 91, 95],
    ]);
    expect(row?.durationMs).toBe(100);
  });

  it('ends with its answer, or where there was none with the wait for it', () => {
    const settled = (kind: 'queued' | 'expired', attempts: readonly Attempt[]) =>
      submission('a', 0, attempts, {
        settlement: { outcome: { kind, message: 'm' }, attempts: attempts.length, latencyMs: 900 },
      });
    const durationOf = (one: Submission) => layOut([one], none, t0).rows[0]?.durationMs;
    expect(durationOf(submission('a', 0, [attempt(0, 50)]))).toBe(50);
    expect(durationOf(settled('expired', [attempt(0, 50, 'no-answer')]))).toBe(900);
    expect(durationOf(settled('queued', []))).toBe(900);
  });

  it('lets what is under way grow', () => {
    const { startedAt, verdict } = attempt(0, 0, 'pending');
    const { settlement: _, ...open } = submission('a', 0, [{ startedAt, verdict }]);
    const short = layOut([open], none, t0 + 100);
    const long = layOut([open], none, t0 + 3_000);
    expect(short.rows[0]?.durationMs).toBe(100);
    expect(long.rows[0]?.durationMs).toBe(3_000);
    expect(long.rows[0]?.attempts[0]?.to).toBeCloseTo(1 / 1.02);
  });

  it.each([
    [3, ['0 ms', '5 ms', '10 ms']],
    [100, ['0 ms', '50 ms', '100 ms']],
    [1_000, ['0 ms', '500 ms', '1 s']],
    [15_000, ['0 ms', '5 s', '10 s', '15 s']],
  ])('of %i ms has round ticks', (ms, labels) => {
    expect(layOut([submission('a', 0, [attempt(0, ms)])], none, t0).ticks.map(({ label }) => label)).toEqual(labels);
  });
});

describe('a caption', () => {
  const bar = (from: number, to: number) => ({ from, to });

  it.each<[string, readonly { from: number; to: number }[], readonly (string | undefined)[]]>([
    ['after its bar', [bar(0, 0.2)], ['after']],
    ['before a bar at the end', [bar(0.9, 1)], ['before']],
    ['in a bar that leaves no room', [bar(0, 0.9)], ['inside']],
    ['nowhere between bars that are close', [bar(0, 0.05), bar(0.06, 0.2)], [undefined, 'after']],
    ['where another caption is not', [bar(0, 0.5), bar(0.75, 1)], ['after', 'inside']],
    ['where another caption is not, and nowhere else', [bar(0, 0.6), bar(0.85, 1)], ['after', undefined]],
  ])('stands %s', (_, bars, places) => {
    expect(bars.map((__, i) => placeOfCaption(bars, i))).toEqual(places);
  });
});

it.each([
  [0, '0 ms'],
  [4.26, '4.3 ms'],
  [12.6, '13 ms'],
  [1_234, '1.23 s'],
  [15_300, '15.3 s'],
])('says %d ms as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

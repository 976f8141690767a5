import { describe, expect, it } from 'vitest';
import { type Call, matchCalls } from './calls.ts';
import type { Attempt, Submission, Verdict } from './submission.ts';

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
    keyHash: 'h',
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

describe('a request and its call', () => {
  it('agree in operation, key and outcome', () => {
    const request = attempt(1_000, 1_020);
    const candidates = [
      call('other outcome', 1_010, 'replayed'),
      call('other operation', 1_010, 'executed', { operation: 'orders.create' }),
      call('other key', 1_010, 'executed', { keyHash: 'g' }),
      call('no time', 0, 'executed', { at: 'never' }),
    ];
    const of = submission('a', 1_000, [request]);
    expect(matchCalls([of], candidates).size).toBe(0);
    expect(matchCalls([of], [...candidates, call('it', 1_012)]).get(request)?.id).toBe('it');
  });

  it('agree though the server has another idea of the time', () => {
    const request = attempt(1_000, 1_020);
    expect(matchCalls([submission('a', 1_000, [request])], [call('it', 60_000)]).get(request)?.id).toBe('it');
  });

  it('belong to each other alone, and are near each other', () => {
    const [one, other] = [attempt(0, 20, 'server-replay'), attempt(0, 30, 'server-replay')];
    const matched = matchCalls(
      [submission('a', 0, [one, other])],
      [call('second', 25, 'replayed'), call('first', 15, 'replayed'), call('another page’s', 90_000, 'replayed')],
    );
    expect(matched.get(one)?.id).toBe('first');
    expect(matched.get(other)?.id).toBe('second');
  });

  it('are found where the answer was lost: whatever is left', () => {
    const [lost, retry] = [attempt(0, 20, 'failed'), attempt(30, 40, 'server-replay')];
    const matched = matchCalls([submission('a', 0, [lost, retry])], [call('done', 15), call('replay', 38, 'replayed')]);
    expect(matched.get(lost)?.id).toBe('done');
    expect(matched.get(retry)?.id).toBe('replay');
  });

  it('are not looked for without a key', () => {
    const { key: _, keyHash: __, ...unguarded } = submission('a', 0, [attempt(0, 20)]);
    expect(matchCalls([unguarded], [call('c', 15)]).size).toBe(0);
  });
});

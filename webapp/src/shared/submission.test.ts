import { describe, expect, it } from 'vitest';
import { fieldErrors, type Outcome, reasonOf, statusOf, verdictOf } from './submission.ts';

const refused = (status: number, slug: string, members: object = {}): Outcome => ({
  kind: 'refused',
  source: 'executed',
  problem: { type: `https://docs.example/http-api.md#${slug}`, title: 'A title', status, ...members },
});

const settled = (outcome: Outcome) => ({
  key: 'k',
  repeats: false,
  settlement: { outcome, attempts: 1, latencyMs: 1 },
});

describe('a verdict', () => {
  it.each<[Outcome, string, number | undefined]>([
    [{ kind: 'done', source: 'executed', status: 201 }, 'executed', 201],
    [{ kind: 'done', source: 'server-replay', status: 201 }, 'server-replay', 201],
    [refused(409, 'in-progress'), 'in-progress', 409],
    [refused(409, 'out-of-stock'), 'refused', 409],
    [refused(422, 'payload-mismatch'), 'mismatch', 422],
    [refused(422, 'validation-failed'), 'refused', 422],
    [refused(500, 'internal'), 'failed', 500],
    [{ kind: 'unanswered', message: 'reset' }, 'no-answer', undefined],
    [{ kind: 'unsent', message: 'no JSON' }, 'not-sent', undefined],
    [{ kind: 'queued', message: 'no network' }, 'queued', undefined],
    [{ kind: 'expired', message: 'too late' }, 'expired', undefined],
    [{ kind: 'done', source: 'client-cache', status: 201 }, 'client-cache', 201],
  ])('of %o is %s', (outcome, verdict, status) => {
    expect(verdictOf(settled(outcome))).toBe(verdict);
    expect(statusOf(settled(outcome))).toBe(status);
  });

  it('tells of a duplicate without a key that it was executed again', () => {
    const { key, ...unguarded } = settled({ kind: 'done', source: 'executed', status: 201 });
    expect(verdictOf({ ...unguarded, repeats: true })).toBe('executed-again');
    expect(verdictOf({ ...unguarded, key, repeats: true })).toBe('executed');
    expect(verdictOf(unguarded)).toBe('executed');
  });

  it('is pending until there is an outcome', () => {
    expect(verdictOf({ repeats: false })).toBe('pending');
  });
});

describe('a reason', () => {
  it.each<[Outcome, string | undefined]>([
    [{ kind: 'done', source: 'executed', status: 201 }, undefined],
    [refused(409, 'x'), 'A title'],
    [refused(409, 'x', { detail: 'The detail.' }), 'The detail.'],
    [{ kind: 'unanswered', message: 'reset' }, 'reset'],
  ])('of %o is %o', (outcome, reason) => {
    expect(reasonOf(outcome)).toBe(reason);
  });
});

describe('fieldErrors', () => {
  it('names each field', () => {
    const errors = [
      { field: 'amount', detail: 'must be positive' },
      { field: 'currency', detail: 'is unknown' },
    ];
    expect(fieldErrors({ type: 'x', title: 'x', status: 422, errors })).toEqual({
      amount: 'must be positive',
      currency: 'is unknown',
    });
  });

  it.each([undefined, 'no', [null], [{ field: 1 }], [{ field: 'amount' }]])('makes nothing of %o', (errors) => {
    expect(fieldErrors({ type: 'x', title: 'x', status: 422, errors })).toEqual({});
  });
});

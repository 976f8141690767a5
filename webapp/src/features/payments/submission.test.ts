import { describe, expect, it } from 'vitest';
import { toRequest } from './payment.ts';
import { fieldErrors } from './submission.ts';

describe('toRequest', () => {
  it.each([
    ['1250', 1250],
    [' 1250 ', 1250],
    ['-5', -5],
    ['12.5', 12.5],
    ['', ''],
    ['a lot', 'a lot'],
    ['Infinity', 'Infinity'],
  ])('reads the amount %o as %o', (amount, expected) => {
    expect(toRequest({ amount, currency: 'EUR', description: 'd' })).toEqual({
      amount: expected,
      currency: 'EUR',
      description: 'd',
    });
  });
});

describe('fieldErrors', () => {
  const refused = (errors: unknown) =>
    ({ kind: 'refused', source: 'executed', problem: { type: 't', title: 't', status: 422, errors } }) as const;

  it('names each field', () => {
    const errors = [
      { field: 'amount', detail: 'must be positive' },
      { field: 'currency', detail: 'is unknown' },
    ];
    expect(fieldErrors(refused(errors))).toEqual({ amount: 'must be positive', currency: 'is unknown' });
  });

  it.each([undefined, 'no', [null], [{ field: 1 }], [{ field: 'amount' }]])('makes nothing of %o', (errors) => {
    expect(fieldErrors(refused(errors))).toEqual({});
  });
});

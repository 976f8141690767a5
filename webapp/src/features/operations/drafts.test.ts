import { describe, expect, it } from 'vitest';
import { forms, paymentForm, sensibleDraft, toBody } from './drafts.ts';

describe('the body', () => {
  it.each([
    ['1250', 1250],
    [' 1250 ', 1250],
    ['-5', -5],
    ['12.5', 12.5],
    ['', ''],
    ['a lot', 'a lot'],
    ['Infinity', 'Infinity'],
  ])('of the amount %o has %o', (amount, expected) => {
    expect(toBody(paymentForm, { amount, currency: 'EUR', description: 'd' })).toEqual({
      amount: expected,
      currency: 'EUR',
      description: 'd',
    });
  });
});

it('is sensible before anybody types', () => {
  expect(forms.map((form) => toBody(form, sensibleDraft(form)))).toEqual([
    { amount: 1250, currency: 'EUR', description: 'Two coffees and a cake' },
    { name: 'Ada Lovelace', email: 'ada@example.org' },
    { sku: 'mug', quantity: 2 },
  ]);
});

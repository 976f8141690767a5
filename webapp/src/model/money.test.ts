import { expect, it } from 'vitest';
import { formatMoney } from './money.ts';

it.each([
  [1250, 'EUR', '€12.50'],
  [1250, 'JPY', '¥1,250'],
  [1250, 'KWD', 'KWD\u00a01.250'],
  [-5, 'USD', '-$0.05'],
  [7, 'not a currency', '7 not a currency'],
])('%i %s is %s', (amount, currency, expected) => {
  expect(formatMoney(amount, currency)).toBe(expected);
});

import { expect, it } from 'vitest';
import { describe as say } from './operation.ts';

it.each([
  [{ amount: 1250, currency: 'EUR', description: 'tea' }, '€12.50', 'tea'],
  [{ amount: 'a lot', currency: 'EUR' }, 'a lot EUR', ''],
  [{ name: 'Ada', email: 'ada@example.org' }, 'Ada', 'ada@example.org'],
  [{ email: 'ada@example.org' }, 'ada@example.org', ''],
  [{ sku: 'mug', quantity: 2 }, '2 × mug', ''],
  [{ sku: 'mug' }, 'mug', ''],
  [{ colour: 'red' }, '', ''],
  [undefined, '', ''],
])('says %o as %o, %o', (body, gist, rest) => {
  expect(say(body)).toEqual({ gist, rest });
});

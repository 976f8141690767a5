import { expect, it } from 'vitest';
import { balance } from './balance.ts';

const at = '2026-01-01T10:00:00Z';
const execution = (operation: string, keyHash?: string) => ({ id: 'e', operation, at, ...(keyHash && { keyHash }) });
const effect = (operation: string) => ({ id: 'f', kind: 'charge', operation, resource: 'r', at });

it('counts effects by intent with a key, by request without', () => {
  const executions = [
    execution('payments.create', 'a'),
    execution('payments.create', 'a'), // after a crash
    execution('orders.create', 'a'), // the same key, another operation
    execution('unprotected-payments.create'),
    execution('unprotected-payments.create'),
  ];
  const effects = ['payments.create', 'orders.create', 'unprotected-payments.create'].map(effect);
  expect(balance({ executions, effects, executionCount: 5, effectCount: 3, truncated: false })).toEqual({
    guarded: { intents: 2, effects: 2 },
    unguarded: { executions: 2, effects: 1 },
  });
});

import { expect, it } from 'vitest';
import { keyHash } from './key-hash.ts';

it('is the hash that the server makes of scope and key', async () => {
  // From the server's own test: TestKeyIDIsStable in idempotency/key_test.go.
  await expect(keyHash('alice', 'k1')).resolves.toBe('a4fufuIDUHKZT46A2uCdahCJGSU3fs0oIiovjJCU00g');
});

import { expect, it } from 'vitest';
import { toCurl } from './curl.ts';

const submission = {
  id: 'a',
  number: 1,
  operation: 'payments.create',
  url: 'https://api.example/api/payments',
  body: { description: "Ada's cake" },
  repeats: false,
  startedAt: 0,
  attempts: [],
} as const;

it('repeats the key and the payload, quoted for a shell', () => {
  expect(toCurl({ ...submission, key: 'k-1' }, 's-1')).toBe(
    [
      "curl -i 'https://api.example/api/payments' \\",
      "  -H 'Content-Type: application/json' \\",
      "  -H 'Demo-Session: s-1' \\",
      "  -H 'Idempotency-Key: k-1' \\",
      `  -d '{"description":"Ada'\\''s cake"}'`,
    ].join('\n'),
  );
});

it('has no key where there was none', () => {
  expect(toCurl(submission, 's-1')).not.toContain('Idempotency-Key');
});

import { expect, it } from 'vitest';
import { curlOf } from './curl.ts';

it('repeats headers and body, quoted for a shell', () => {
  const command = curlOf({
    url: 'https://api.example/api/payments',
    headers: [
      ['Content-Type', 'application/json'],
      ['Idempotency-Key', 'k-1'],
    ],
    body: `{"description":"Ada's cake"}`,
  });
  expect(command).toBe(
    [
      "curl -i 'https://api.example/api/payments' \\",
      "  -H 'Content-Type: application/json' \\",
      "  -H 'Idempotency-Key: k-1' \\",
      `  -d '{"description":"Ada'\\''s cake"}'`,
    ].join('\n'),
  );
});

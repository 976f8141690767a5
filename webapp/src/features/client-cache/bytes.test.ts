import { expect, it } from 'vitest';
import { formatBytes } from './bytes.ts';

it.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1_000, '1 KB'],
  [1_234, '1.23 KB'],
  [2_000_000, '2 MB'],
  [6.4e10, '64 GB'],
  [5e15, '5000 TB'],
])('says %d as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

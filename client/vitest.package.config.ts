import { defineConfig } from 'vitest/config';

/** Tests of the package as others get it. */
export default defineConfig({
  test: { include: ['packaging/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 },
});

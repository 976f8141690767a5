import { defineConfig } from 'vitest/config';

/** Tests of the package as others get it. */
export default defineConfig({
  // Generous, because a busy machine is no failure.
  test: { include: ['packaging/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 600_000 },
});

import { defineConfig } from 'vitest/config';

/** Tests in a real Chromium. */
export default defineConfig({
  test: {
    include: ['browser/**/*.test.ts'],
    exclude: ['browser/soak.test.ts', 'node_modules/**'],
    // Generous, because a busy machine is no failure.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
  },
});

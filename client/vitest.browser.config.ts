import { defineConfig } from 'vitest/config';

/** Tests in a real Chromium. */
export default defineConfig({
  test: {
    include: ['browser/**/*.test.ts'],
    exclude: ['browser/soak.test.ts', 'node_modules/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What a page brings about takes as long as the machine takes.
    expect: { poll: { timeout: 30_000 } },
  },
});

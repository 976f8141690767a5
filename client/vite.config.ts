import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
    // Generous: what is slow is the machine.
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});

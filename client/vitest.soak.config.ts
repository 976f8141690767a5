import { defineConfig } from 'vitest/config';

/** How long the soak goes on, in minutes. */
const minutes = Number(process.env.SOAK_MINUTES ?? 10);

/** Faults at random in a real Chromium, for minutes. */
export default defineConfig({
  test: { include: ['browser/soak.test.ts'], testTimeout: (minutes + 5) * 60_000, hookTimeout: 60_000 },
});

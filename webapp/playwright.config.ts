import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';
import { findChromium, launchArguments } from './e2e/browser.mjs';

/** A deployment to test instead of a local stack of our own. */
const deployed = process.env.BASE_URL;

const repository = fileURLToPath(new URL('..', import.meta.url));
const localStack = 'build/bin/local';
if (deployed === undefined && !existsSync(`${repository}/${localStack}`)) {
  throw new Error(`${localStack} is missing: \`make test\` builds it, and everything else that these tests need`);
}

const executablePath = findChromium();

export default defineConfig({
  testDir: 'e2e',
  // The pictures that documents show are written on demand, by `make screenshots`.
  testIgnore: process.env.SCREENSHOTS === undefined ? ['screenshots.spec.ts'] : [],
  fullyParallel: true,
  // Generous, because a busy machine is no failure.
  timeout: 600_000,
  expect: { timeout: 120_000 },
  // Most tests wait for something most of the time, leases above all: others go on meanwhile.
  workers: 4,
  forbidOnly: process.env.CI !== undefined,
  reporter: 'list',
  use: {
    // The local stack picks a free port; Playwright reads it from the stack's output (`wait`) into the environment.
    baseURL: deployed ?? `http://localhost:${process.env.LOCAL_STACK_PORT}/`,
    launchOptions: { args: launchArguments, ...(executablePath ? { executablePath } : {}) },
    screenshot: 'only-on-failure',
  },
  ...(deployed === undefined && {
    webServer: {
      // What functions write is for whoever looks into a failure, and no part of the report.
      command: `exec ${localStack} --port 0 --unthrottled --log-level warn 2>build/e2e.log`,
      cwd: repository,
      wait: { stdout: /^http:\/\/localhost:(?<local_stack_port>\d+)\/$/m },
      timeout: 300_000,
      gracefulShutdown: { signal: 'SIGINT', timeout: 60_000 },
    },
  }),
});

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from '@playwright/test';

const commands = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/**
 * Finds a Chromium to test in: the one that CHROMIUM_PATH names, else one on the PATH, else Playwright's own.
 *
 * @returns {string | undefined} its path
 * @throws {Error} where CHROMIUM_PATH names something that can't be run
 */
export function findChromium() {
  const named = process.env.CHROMIUM_PATH;
  if (named) {
    if (!isExecutable(named)) {
      throw new Error(`CHROMIUM_PATH is ${named}, which can't be run: correct it or unset it`);
    }
    return named;
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const installed = commands.flatMap((command) => folders.map((folder) => join(folder, command)));
  return [...installed, chromium.executablePath()].find(isExecutable);
}

/** Keep to what is tested: no updates, no first-run pages, no calls home; and no sandbox where Chromium refuses one. */
export const launchArguments = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A name that is not localhost, so that a page of it is no secure context: a phone on http:// in a LAN.
  '--host-resolver-rules=MAP insecure.test 127.0.0.1',
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// Makes sure that there is a Chromium for the end-to-end tests; prints where. On Debian as root it installs the package.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findChromium } from './browser.mjs';

function isDebian() {
  try {
    return /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

/** @param {string[]} words */
function aptGet(...words) {
  const { status, error } = spawnSync('apt-get', ['-q', ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) {
    throw new Error(`apt-get ${words.join(' ')} failed${error ? `: ${error.message}` : ''}`);
  }
}

function install() {
  if (!isDebian() || process.getuid?.() !== 0) {
    throw new Error(
      'no Chromium was found. Install Chromium or Google Chrome, or run `npx playwright install chromium` in webapp/, ' +
        'or name one in CHROMIUM_PATH',
    );
  }
  console.log('no Chromium was found; installing the chromium package');
  aptGet('update');
  aptGet('install', '--yes', '--no-install-recommends', 'chromium');
  return findChromium();
}

try {
  const path = findChromium() ?? install();
  if (path === undefined) {
    throw new Error('the chromium package is installed, but no chromium is on the PATH');
  }
  console.log(`browser: ${path}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

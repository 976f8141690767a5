// Runs Lighthouse on the built page, served by a local stack of its own (or on the deployment that BASE_URL names), and
// fails if a score is too low: in its desktop preset and in its mobile one. If the environment has MEASURE, performance
// is among the scores. It is simulated from what was measured here, so that it says something about this machine, too.
// What else the machine does can only lower it, which is why a low score is measured again, three times at most, and the
// best one counts.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { launch } from 'chrome-launcher';
import lighthouse, { desktopConfig } from 'lighthouse';
import { findChromium, launchArguments } from '../e2e/browser.mjs';

const floor = 95;
const measuring = process.env.MEASURE !== undefined;
const runs = measuring ? 3 : 1;
const categories = [...(measuring ? ['performance'] : []), 'accessibility', 'best-practices', 'seo'];
/** @type {readonly (readonly [name: string, config: import('lighthouse').Config | undefined])[]} */
const presets = [
  ['desktop', desktopConfig],
  ['mobile', undefined],
];
const reports = fileURLToPath(new URL('../test-results/lighthouse', import.meta.url));

/** Starts a local stack on a free port. @returns {Promise<{ url: string, stop: () => void }>} */
function startStack() {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const stack = spawn('build/bin/local', ['--port', '0', '--log-level', 'warn'], {
    cwd,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    stack.on('error', reject);
    stack.on('exit', () => reject(new Error('the local stack ended before it served anything')));
    createInterface(stack.stdout).on('line', (line) => {
      if (/^http:\/\/localhost:\d+\/$/.test(line)) {
        resolve({ url: line, stop: () => stack.kill('SIGINT') });
      }
    });
  });
}

/**
 * One run, in a browser that has never seen the page.
 *
 * @param {string} url
 * @param {import('lighthouse').Config | undefined} config
 */
async function measure(url, config) {
  const browser = await launch({
    chromePath: findChromium(),
    chromeFlags: ['--headless=new', ...launchArguments],
    logLevel: 'silent',
  });
  try {
    const outcome = await lighthouse(
      url,
      { port: browser.port, onlyCategories: categories, output: 'html', logLevel: 'error' },
      config,
    );
    if (outcome === undefined || outcome.lhr.runtimeError !== undefined) {
      throw new Error(outcome?.lhr.runtimeError?.message ?? 'Lighthouse gave no result');
    }
    return outcome;
  } finally {
    browser.kill();
  }
}

const stack = process.env.BASE_URL ? { url: process.env.BASE_URL, stop: () => {} } : await startStack();
try {
  for (const [preset, config] of presets) {
    /** @type {Record<string, number>} */
    const best = {};
    for (let run = 1; run <= runs; run++) {
      const { lhr, report } = await measure(stack.url, config);
      for (const [id, { score }] of Object.entries(lhr.categories)) {
        best[id] = Math.max(best[id] ?? 0, Math.round((score ?? 0) * 100));
      }
      const scores = Object.values(lhr.categories).map(
        ({ title, score }) => `${title} ${Math.round((score ?? 0) * 100)}`,
      );
      const timings = [
        'first-contentful-paint',
        'largest-contentful-paint',
        'total-blocking-time',
        'cumulative-layout-shift',
      ]
        .flatMap((id) => lhr.audits[id] ?? [])
        .map(({ title, displayValue }) => `, ${title} ${displayValue}`);
      console.log(`Lighthouse, ${preset}, run ${run}: ${scores.join(', ')}${timings.join('')}`);
      if (categories.every((id) => (best[id] ?? 0) >= floor)) {
        break;
      }
      mkdirSync(reports, { recursive: true });
      writeFileSync(`${reports}/${preset}-${run}.html`, String(report));
    }
    const low = categories.filter((id) => (best[id] ?? 0) < floor);
    if (low.length > 0) {
      console.error(`Below ${floor} on ${preset}: ${low.join(', ')}. The reports in ${reports} say why.`);
      process.exitCode = 1;
    }
  }
} finally {
  stack.stop();
}

// Weighs the JavaScript of the built page as it travels, gzipped, and fails where what the page needs to start is too
// heavy. Everything else (chunks loaded later, the service worker, the library for the console) is listed beside it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** In bytes: 180 kB. */
const budget = 180_000;

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const page = readFileSync(join(dist, 'index.html'), 'utf8');

// Vite names in the page whatever its entry imports statically, however deep, as modulepreload.
const initial = [...page.matchAll(/<(?:script|link rel="modulepreload")[^>]* (?:src|href)="\.\/([^"]+)"/g)].map(
  ([, name]) => name,
);
if (initial.length === 0) {
  throw new Error('dist/index.html names no script');
}
const scripts = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.js'))
  .map((name) => ({
    name,
    bytes: gzipSync(readFileSync(join(dist, name)), { level: 6 }).length,
    initial: initial.includes(name),
  }))
  .sort((a, b) => Number(b.initial) - Number(a.initial) || b.bytes - a.bytes);

/** @param {number} bytes */
const kilobytes = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`.padStart(9);
for (const { name, bytes, initial } of scripts) {
  console.log(`${initial ? 'initial' : 'later  '} ${kilobytes(bytes)}  ${name}`);
}
const total = scripts.filter((script) => script.initial).reduce((sum, { bytes }) => sum + bytes, 0);
console.log(`initial JavaScript, gzipped: ${kilobytes(total).trim()} of ${kilobytes(budget).trim()}`);
if (total > budget) {
  console.error('Above the budget: load what the first view does not need by import().');
  process.exitCode = 1;
}

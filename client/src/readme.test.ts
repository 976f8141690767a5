// @vitest-environment node
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import readme from '../README.md?raw';

/** The rows of the table that begins a section, without its head. */
const rowsOf = (section: string): string[][] => {
  const [, text = ''] = readme.split(`\n## ${section}\n`);
  const lines =
    text
      .split('\n## ')[0]
      ?.split('\n')
      .filter((line) => line.startsWith('|')) ?? [];
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};

/** Where links lead, and the titles that they have. */
const linksIn = (text: string) =>
  [...text.matchAll(/\[[^\]]+\]\(([^ )]+)(?: "([^"]*)")?\)/g)].map(([, path = '', title]) => ({ path, title }));

describe('the README', () => {
  const compared = rowsOf('Compared');

  it('has a comparison', () => {
    expect(compared.length).toBeGreaterThan(10);
  });

  it.each(compared)('shows by a test that this library, compared, %s', (_, ours = '') => {
    const [{ path, title } = { path: '', title: '' }] = linksIn(ours);
    const tests = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
    expect(title).toBeTruthy();
    expect(tests.includes(`('${title}'`)).toBe(true);
  });

  it('names the files of tests that try what is promised', () => {
    const promises = rowsOf('What is promised').flatMap(([, , tried = '']) => linksIn(tried));
    expect(promises.length).toBeGreaterThan(8);
    for (const { path } of promises) {
      expect(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')).toContain("from 'vitest'");
    }
  });
});

import { expect, it } from 'vitest';
import type { Run } from '../../model/facts.ts';
import { decode } from '../../model/link.ts';
import recorded from '../../model/recorded.json' with { type: 'json' };
import { keepResult, readResults } from './results.ts';

const storageKey = 'idempotent-requests.results';
const [crash, slow] = (await Promise.all([decode(recorded.crash), decode(recorded.slow)])) as [Run, Run];

it('keeps the newest run of each scenario, whichever tab played it', async () => {
  await keepResult(crash);
  // Another tab has played something else meanwhile.
  localStorage.setItem(storageKey, JSON.stringify({ ...JSON.parse(localStorage[storageKey]), slow: recorded.slow }));
  const newer: Run = { ...crash, at: crash.at + 60_000 };
  await keepResult(newer);
  expect(await readResults()).toEqual(
    new Map([
      ['crash', newer],
      ['slow', slow],
    ]),
  );
});

it.each(['nonsense', '[]', 'null', '{"crash":"nonsense","slow":7}'])(
  'reads nothing out of %s, and can keep a run',
  async (kept) => {
    localStorage.setItem(storageKey, kept);
    expect(await readResults()).toEqual(new Map());
    await keepResult(slow);
    expect((await readResults()).get('slow')).toEqual(slow);
  },
);

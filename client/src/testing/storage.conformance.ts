import { beforeEach, describe, expect, it } from 'vitest';
import type { IntentStorage } from '../storage.ts';

/** What every storage must do. Each test gets a fresh one. */
export function describeStorage(name: string, create: () => IntentStorage | Promise<IntentStorage>): void {
  describe(`${name} as a storage`, () => {
    let storage: IntentStorage;

    beforeEach(async () => {
      storage = await create();
    });

    const texts = async (scope: string, prefix = '') =>
      Object.fromEntries((await storage.list(scope, prefix)).map(({ id, text }) => [id, text]));
    const write = (scope: string, id: string, text?: string) => storage.update(scope, id, () => [[id, text]]);

    it('is empty at first', async () => {
      expect(await storage.list('s', '')).toEqual([]);
    });

    it('gives back what was written, to the character', async () => {
      const text = '{"a":"€ \u0000 \u{1f600} \\ud800 \n"}';
      await write('s', 'a.1', text);
      await write('s', 'empty', '');
      expect(await texts('s')).toEqual({ 'a.1': text, empty: '' });
    });

    it('replaces what has the same id', async () => {
      await write('s', 'a.1', 'old');
      await write('s', 'a.1', 'new');
      expect(await storage.list('s', '')).toHaveLength(1);
      expect(await texts('s')).toEqual({ 'a.1': 'new' });
    });

    it('lists by prefix', async () => {
      for (const id of ['a', 'a.1', 'a.2', 'ab', 'b.1', 'A.1']) {
        await write('s', id, id);
      }
      expect(Object.keys(await texts('s', 'a.')).sort()).toEqual(['a.1', 'a.2']);
      expect(Object.keys(await texts('s', 'a.1'))).toEqual(['a.1']);
      expect(Object.keys(await texts('s', 'c'))).toEqual([]);
      expect(Object.keys(await texts('s'))).toHaveLength(6);
    });

    it('keeps scopes apart, whatever they are called', async () => {
      const scopes = ['s', 's/', 's/a', '', '%2F', 'ü', 's.1'];
      for (const scope of scopes) {
        await write(scope, 'a', `of ${scope}`);
      }
      for (const scope of scopes) {
        expect(await texts(scope)).toEqual({ a: `of ${scope}` });
      }
      await write('s', 'a');
      await write('s/', 'a');
      expect(await texts('s')).toEqual({});
      expect(await texts('s/')).toEqual({});
      expect(await texts('s/a')).toEqual({ a: 'of s/a' });
    });

    it('removes one, and what is not there without complaint', async () => {
      await write('s', 'a', '1');
      await write('s', 'b', '2');
      await write('s', 'a');
      await write('s', 'a');
      await write('nobody', 'a');
      expect(await texts('s')).toEqual({ b: '2' });
    });

    it('empties a scope at once, and can be written to again', async () => {
      for (let i = 0; i < 20; i++) {
        await write('s', `a.${i}`, 'x');
      }
      for (const scope of ['s', 'nobody']) {
        await storage.update(scope, '', (found) => found.map(({ id }) => [id, undefined]));
      }
      expect(await texts('s')).toEqual({});
      expect((await storage.scopes?.()) ?? []).toEqual([]);
      await write('s', 'a', 'y');
      expect(await texts('s')).toEqual({ a: 'y' });
    });

    it('takes many writes at once', async () => {
      const ids = Array.from({ length: 50 }, (_, i) => `a.${i}`);
      await Promise.all(ids.map((id) => write('s', id, id)));
      expect(await texts('s')).toEqual(Object.fromEntries(ids.map((id) => [id, id])));
    });

    it('changes all that is asked for at once, by what it read', async () => {
      await write('s', 'a.1', '1');
      await write('s', 'b.1', 'other');
      const seen: unknown[] = [];
      await storage.update('s', 'a.', (found) => {
        seen.push(...found.map(({ id, text }) => [id, text]));
        return [
          ['a.1', undefined],
          ['a.2', '2'],
          ['b.1', 'changed'],
        ];
      });
      expect(seen).toEqual([['a.1', '1']]);
      expect(await texts('s')).toEqual({ 'a.2': '2', 'b.1': 'changed' });
    });

    it('changes nothing if the change throws, and passes that on', async () => {
      await write('s', 'a', '1');
      const failing = storage.update('s', '', () => {
        throw new RangeError('refused');
      });
      await expect(failing).rejects.toThrow(RangeError);
      expect(await texts('s')).toEqual({ a: '1' });
    });

    it('lets nobody in between reading and writing', async () => {
      const count = () => storage.update('s', 'n', ([found]) => [['n', String(Number(found?.text ?? 0) + 1)]]);
      await Promise.all(Array.from({ length: 20 }, count));
      expect(await texts('s')).toEqual({ n: '20' });
    });

    it('says of which scopes it holds something', async () => {
      await write('one', 'a', '1');
      await write('t/wo', 'a', '1');
      expect([...((await storage.scopes?.()) ?? [])].sort()).toEqual(['one', 't/wo']);
    });

    it('takes a text of 100,000 characters', async () => {
      const text = 'é'.repeat(100_000);
      await write('s', 'a', text);
      expect((await storage.list('s', ''))[0]?.text === text).toBe(true);
    });
  });
}

import { beforeEach, describe, expect, it } from 'vitest';
import type { IntentStorage } from '../storage.ts';

/** What every storage must do. Each test gets a fresh one. */
export function describeStorage(name: string, create: () => IntentStorage | Promise<IntentStorage>): void {
  describe(`${name} as a storage`, () => {
    let storage: IntentStorage;

    beforeEach(async () => {
      storage = await create();
    });

    const texts = async (scope: string, prefix?: string) =>
      Object.fromEntries((await storage.list(scope, prefix)).map(({ id, text }) => [id, text]));

    it('is empty at first', async () => {
      expect(await storage.list('s')).toEqual([]);
    });

    it('gives back what was written, to the character', async () => {
      const text = '{"a":"€ \u0000 \u{1f600} \\ud800 \n"}';
      await storage.write('s', 'a.1', text);
      await storage.write('s', 'empty', '');
      expect(await texts('s')).toEqual({ 'a.1': text, empty: '' });
    });

    it('replaces what has the same id', async () => {
      await storage.write('s', 'a.1', 'old');
      await storage.write('s', 'a.1', 'new');
      expect(await storage.list('s')).toHaveLength(1);
      expect(await texts('s')).toEqual({ 'a.1': 'new' });
    });

    it('lists by prefix', async () => {
      for (const id of ['a', 'a.1', 'a.2', 'ab', 'b.1', 'A.1']) {
        await storage.write('s', id, id);
      }
      expect(Object.keys(await texts('s', 'a.')).sort()).toEqual(['a.1', 'a.2']);
      expect(Object.keys(await texts('s', 'a.1'))).toEqual(['a.1']);
      expect(Object.keys(await texts('s', 'c'))).toEqual([]);
      expect(Object.keys(await texts('s'))).toHaveLength(6);
    });

    it('keeps scopes apart, whatever they are called', async () => {
      const scopes = ['s', 's/', 's/a', '', '%2F', 'ü', 's.1'];
      for (const scope of scopes) {
        await storage.write(scope, 'a', `of ${scope}`);
      }
      for (const scope of scopes) {
        expect(await texts(scope)).toEqual({ a: `of ${scope}` });
      }
      await storage.remove('s', 'a');
      await storage.clear('s/');
      expect(await texts('s')).toEqual({});
      expect(await texts('s/')).toEqual({});
      expect(await texts('s/a')).toEqual({ a: 'of s/a' });
    });

    it('removes one, and what is not there without complaint', async () => {
      await storage.write('s', 'a', '1');
      await storage.write('s', 'b', '2');
      await storage.remove('s', 'a');
      await storage.remove('s', 'a');
      await storage.remove('nobody', 'a');
      expect(await texts('s')).toEqual({ b: '2' });
    });

    it('clears a scope, and can be written to again', async () => {
      for (let i = 0; i < 20; i++) {
        await storage.write('s', `a.${i}`, 'x');
      }
      await storage.clear('s');
      await storage.clear('nobody');
      expect(await texts('s')).toEqual({});
      await storage.write('s', 'a', 'y');
      expect(await texts('s')).toEqual({ a: 'y' });
    });

    it('takes many writes at once', async () => {
      const ids = Array.from({ length: 50 }, (_, i) => `a.${i}`);
      await Promise.all(ids.map((id) => storage.write('s', id, id)));
      expect(await texts('s')).toEqual(Object.fromEntries(ids.map((id) => [id, id])));
    });

    it('takes a text of 100,000 characters', async () => {
      const text = 'é'.repeat(100_000);
      await storage.write('s', 'a', text);
      expect((await storage.list('s'))[0]?.text === text).toBe(true);
    });
  });
}

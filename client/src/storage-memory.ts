import type { IntentStorage } from './storage.ts';

/** Keeps entries for as long as the page lives. */
export function createMemoryStorage(): IntentStorage {
  const scopes = new Map<string, Map<string, string>>();
  const texts = (scope: string) => scopes.get(scope) ?? new Map<string, string>();
  const list = (scope: string, prefix: string) =>
    [...texts(scope)]
      .filter(([id]) => id.startsWith(prefix))
      .map(([id, text]) => ({ id, text, kind: 'memory' as const }));
  return {
    list: async (scope, prefix) => list(scope, prefix),
    update: async (scope, prefix, change) => {
      const after = texts(scope);
      for (const [id, text] of change(list(scope, prefix))) {
        text === undefined ? after.delete(id) : after.set(id, text);
      }
      scopes.set(scope, after);
    },
    clear: async (scope) => {
      scopes.delete(scope);
    },
    scopes: async () => [...scopes.keys()],
  };
}

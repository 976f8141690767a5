import type { IntentStorage } from './storage.ts';

/** Keeps entries for as long as the page lives. */
export const createMemoryStorage = (): Required<IntentStorage> => {
  const scopes = new Map<string, Map<string, string>>();
  const list = (scope: string, prefix: string) =>
    [...(scopes.get(scope) ?? [])]
      .filter(([id]) => id.startsWith(prefix))
      .map(([id, text]) => ({ id, text, kind: 'memory' as const }));
  return {
    list: async (scope, prefix) => list(scope, prefix),
    update: async (scope, prefix, change) => {
      const after = new Map(scopes.get(scope));
      for (const [id, text] of change(list(scope, prefix))) {
        text === undefined ? after.delete(id) : after.set(id, text);
      }
      after.size > 0 ? scopes.set(scope, after) : scopes.delete(scope);
    },
    scopes: async () => [...scopes.keys()],
  };
};

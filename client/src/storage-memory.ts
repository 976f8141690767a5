import type { IntentStorage } from './storage.ts';

/** Keeps entries for as long as the page lives: where the browser offers nothing better, and in tests. */
export function createMemoryStorage(): IntentStorage {
  const scopes = new Map<string, Map<string, string>>();
  return {
    list: async (scope, prefix = '') =>
      [...(scopes.get(scope) ?? [])]
        .filter(([id]) => id.startsWith(prefix))
        .map(([id, text]) => ({ id, text, kind: 'memory' })),
    write: async (scope, id, text) => {
      const texts = scopes.get(scope) ?? new Map<string, string>();
      scopes.set(scope, texts.set(id, text));
    },
    remove: async (scope, id) => {
      scopes.get(scope)?.delete(id);
    },
    clear: async (scope) => {
      scopes.delete(scope);
    },
  };
}

import type { Activity } from './activity.ts';

/** What the session's executions and effects come to, with the guard and without. */
export interface Balance {
  /** Intents are counted by their keys: those that were executed at all. */
  readonly guarded: { readonly intents: number; readonly effects: number };
  readonly unguarded: { readonly executions: number; readonly effects: number };
}

const unprotected = 'unprotected-';

/** Adds the ledger up. */
export function balance({ executions, effects }: Activity): Balance {
  const isGuarded = ({ operation }: { operation: string }) => !operation.startsWith(unprotected);
  const keys = executions.filter(isGuarded).map(({ operation, keyHash }) => `${operation}#${keyHash}`);
  return {
    guarded: { intents: new Set(keys).size, effects: effects.filter(isGuarded).length },
    unguarded: {
      executions: executions.length - keys.length,
      effects: effects.filter((effect) => !isGuarded(effect)).length,
    },
  };
}

import type { Client, StoredEntry, Usage } from 'idempotent-requests';
import { useEffect, useState } from 'react';

/** What the client has stored. */
export interface Stored {
  /** Newest first. */
  readonly entries: readonly StoredEntry[];
  readonly usage: Usage;
  /** What the browser says of the whole origin, in bytes; absent where it says nothing. */
  readonly estimate?: { readonly usage: number; readonly quota: number } | undefined;
}

/** Reads what the client has stored, and again whenever that changes. */
export function useStored(client: Client): { readonly stored: Stored | undefined; readonly error: unknown } {
  const [state, setState] = useState<{ stored: Stored | undefined; error: unknown }>({
    stored: undefined,
    error: undefined,
  });
  useEffect(() => {
    let turn = 0;
    const read = async () => {
      turn += 1;
      const own = turn;
      try {
        const [entries, usage, estimate] = await Promise.all([client.entries(), client.usage(), estimateStorage()]);
        if (own === turn) {
          setState({ stored: { entries: [...entries].reverse(), usage, estimate }, error: undefined });
        }
      } catch (error) {
        if (own === turn) {
          setState((before) => ({ ...before, error }));
        }
      }
    };
    void read();
    const unsubscribe = client.subscribe(({ type }) => {
      if (
        type === 'state' ||
        type === 'forgotten' ||
        type === 'cached' ||
        type === 'evicted' ||
        type === 'unreadable'
      ) {
        void read();
      }
    });
    return () => {
      turn += 1; // whatever is still being read is not for us
      unsubscribe();
    };
  }, [client]);
  return state;
}

async function estimateStorage(): Promise<Stored['estimate']> {
  try {
    const { usage, quota } = await navigator.storage.estimate();
    return usage === undefined || quota === undefined ? undefined : { usage, quota };
  } catch {
    return undefined; // outside a secure context, or refused
  }
}

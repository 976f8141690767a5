import { browser } from 'idempotent-requests';
/** A visitor's session: the scope of everything that they do, and how often this page has asked on their behalf. */
export interface Session {
  /** A random UUID, sent as `Demo-Session`. */
  readonly id: string;
  /** Requests that left for one of the operations, attempts and duplicates included. */
  readonly requestsSent: number;
}

/** The current session; kept over reloads, and shared with the other tabs of this origin. */
export interface SessionStore {
  /** The same object until something changes. */
  readonly get: () => Session;
  /** Calls back at each change, from whichever tab. Returns the unsubscriber. */
  readonly subscribe: (onChange: () => void) => () => void;
  readonly countRequest: () => void;
  /** Starts over with a new id and nothing counted. */
  readonly renew: () => void;
}

const storageKey = 'idempotent-requests.session';

/** A store over `localStorage`, or in memory only where the browser refuses that. */
export function createSessionStore(): SessionStore {
  const listeners = new Set<() => void>();
  let current = read() ?? write({ id: browser.randomUUID(), requestsSent: 0 });

  function change(next: Session) {
    current = write(next);
    for (const listener of listeners) {
      listener();
    }
  }

  window.addEventListener('storage', (event) => {
    if (event.key === storageKey || event.key === null) {
      change(read() ?? { id: browser.randomUUID(), requestsSent: 0 });
    }
  });

  return {
    get: () => current,
    subscribe: (onChange) => {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    countRequest: () => {
      // Read again: another tab may have counted since.
      const latest = read() ?? current;
      change({ ...latest, requestsSent: latest.requestsSent + 1 });
    },
    renew: () => change({ id: browser.randomUUID(), requestsSent: 0 }),
  };
}

function read(): Session | undefined {
  try {
    const { id, requestsSent } = JSON.parse(localStorage.getItem(storageKey) ?? '{}') as Partial<Session>;
    return typeof id === 'string' && Number.isSafeInteger(requestsSent)
      ? { id, requestsSent: requestsSent as number }
      : undefined;
  } catch {
    return undefined;
  }
}

function write(session: Session): Session {
  try {
    localStorage.setItem(storageKey, JSON.stringify(session));
  } catch {
    // Refused (a private mode, a full quota): the session then lasts as long as the page.
  }
  return session;
}

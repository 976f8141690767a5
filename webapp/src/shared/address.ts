import { useSyncExternalStore } from 'react';

/** The two views of the page. */
export type View = 'play' | 'playground';

const listeners = new Set<() => void>();

function publish() {
  for (const listener of listeners) {
    listener();
  }
}

/** Follows the page's address, in which the view and the scenario are. */
export function useAddress(): string {
  return useSyncExternalStore(
    (onChange) => {
      listeners.add(onChange);
      window.addEventListener('popstate', onChange);
      window.addEventListener('hashchange', onChange);
      return () => {
        listeners.delete(onChange);
        window.removeEventListener('popstate', onChange);
        window.removeEventListener('hashchange', onChange);
      };
    },
    () => location.href,
  );
}

/** The view that an address names. */
export function viewOf(address: string): View {
  return new URL(address).searchParams.get('view') === 'playground' ? 'playground' : 'play';
}

/** An address with other parameters. Undefined removes one. Its fragment goes. */
export function addressWith(address: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const next = new URL(address);
  next.hash = '';
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) {
      next.searchParams.delete(name);
    } else {
      next.searchParams.set(name, value);
    }
  }
  return next.href;
}

/** Goes to an address of this page. Back leads to where one came from. */
export function goTo(address: string): void {
  if (address !== location.href) {
    history.pushState(null, '', address);
    publish();
  }
}

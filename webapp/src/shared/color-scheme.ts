import { useSyncExternalStore } from 'react';

/** How the page is coloured. `auto` follows the system. */
export type ColorScheme = 'light' | 'dark' | 'auto';

/** Also read by public/color-scheme.js, before the first paint. */
const storageKey = 'idempotent-requests.color-scheme';
const listeners = new Set<() => void>();
let current: ColorScheme | undefined;

function read(): ColorScheme {
  try {
    const stored = localStorage.getItem(storageKey);
    return stored === 'light' || stored === 'dark' ? stored : 'auto';
  } catch {
    return 'auto';
  }
}

function get(): ColorScheme {
  current ??= read();
  return current;
}

function subscribe(onChange: () => void): () => void {
  listeners.add(onChange);
  return () => listeners.delete(onChange);
}

/** Colours the page, and remembers the choice. */
export function setColorScheme(scheme: ColorScheme): void {
  current = scheme;
  try {
    localStorage.setItem(storageKey, scheme);
  } catch {
    // Refused: the choice then lasts as long as the page.
  }
  applyColorScheme();
  for (const listener of listeners) {
    listener();
  }
}

/** Colours the page as it was chosen. */
export function applyColorScheme(): void {
  const scheme = get();
  const dark = scheme === 'dark' || (scheme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
}

/** Follows the system while nothing else is chosen. */
export function followSystem(): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyColorScheme);
}

/** The choice. */
export function useColorScheme(): ColorScheme {
  return useSyncExternalStore(subscribe, get);
}

/** Whether the page is dark now. */
export function useDark(): boolean {
  const scheme = useColorScheme();
  const system = useSyncExternalStore(
    (onChange) => {
      const query = matchMedia('(prefers-color-scheme: dark)');
      query.addEventListener('change', onChange);
      return () => query.removeEventListener('change', onChange);
    },
    () => matchMedia('(prefers-color-scheme: dark)').matches,
  );
  return scheme === 'dark' || (scheme === 'auto' && system);
}

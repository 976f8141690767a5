import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let said = '';

/** Says something to those who hear the page, without a place on the screen. */
export function announce(text: string): void {
  // The same words again are said again: an invisible space makes them others.
  said = said === text ? `${text}\u200b` : text;
  for (const listener of listeners) {
    listener();
  }
}

/** What was said last. */
export function useAnnounced(): string {
  return useSyncExternalStore(
    (onChange) => {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    () => said,
  );
}

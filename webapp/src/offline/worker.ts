/*
 * The service worker: keeps the page for when there is no network, and drains the outbox when no page is looked at. It
 * never touches a request to the API.
 */
import { createClient } from 'idempotent-requests';
import { createIndexedDbStorage } from 'idempotent-requests/storage/indexed-db';
import { drainInBackground, scopeOfSync } from 'idempotent-requests/worker';
import { createShell, type ShellManifest } from './shell.ts';

declare const self: ServiceWorkerGlobalScope;

/** Put in by the build: see bundles.ts. */
declare const SHELL: ShellManifest;

/** The Background Sync API, which TypeScript does not know. */
interface SyncEvent extends ExtendableEvent {
  readonly tag: string;
}

const shell = createShell(SHELL, new URL('./', self.location.href).href, {
  fetch: (request, init) => fetch(request, init),
  caches,
});

self.addEventListener('install', (event) => event.waitUntil(shell.install()));

self.addEventListener('activate', (event) => event.waitUntil(shell.activate()));

self.addEventListener('fetch', (event) => {
  const response = shell.respond(event.request);
  if (response !== undefined) {
    event.respondWith(response);
  }
});

// A new version waits until every page of the old one is closed, or a person asks for it.
self.addEventListener('message', (event) => {
  if (event.data === 'activate') {
    event.waitUntil(self.skipWaiting());
  }
});

self.addEventListener('sync', (event) => {
  const sync = event as SyncEvent;
  const scope = scopeOfSync(sync.tag);
  if (scope !== undefined) {
    sync.waitUntil(drain(scope));
  }
});

async function drain(scope: string): Promise<void> {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  // A page that is looked at hears of the network itself, and shows what it does.
  if (!pages.some(({ visibilityState }) => visibilityState === 'visible')) {
    const storage = createIndexedDbStorage();
    // The demo's scope is the visitor's session.
    await drainInBackground(createClient({ scope, storage, headers: () => ({ 'Demo-Session': scope }) }));
  }
}

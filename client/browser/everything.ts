// Everything that the package exports but React's hook.
export { idempotentFetch } from '../src/fetch.ts';
export * from '../src/index.ts';
export { sha256 } from '../src/sha256.ts';
export { createLocalStorage } from '../src/storage-local.ts';
export { drainInBackground, requestBackgroundSync, scopeOfSync } from '../src/worker.ts';

/**
 * A client for APIs that take an `Idempotency-Key`.
 *
 * ```ts
 * const client = createClient({ scope: user.id });
 * const payment = { url: '/api/payments', body: { amount: 1250, currency: 'EUR' } };
 * const first = await client.submit(payment); // first.source === 'executed'
 * const again = await client.submit(payment); // again.source === 'client-cache': nothing was sent
 * const meant = await client.submitAsNew(payment); // meant.source === 'executed', with a key of its own
 * ```
 */
export { drainInBackground, scopeOfSync } from './background-sync.ts';
export type { Channel } from './channel.ts';
export { type Client, type ClientOptions, createClient, type SubmitOptions, type Usage } from './client.ts';
export { type Entry, type KeptAnswer, keptHeaders, type StoredEntry } from './entry.ts';
export { NetworkError, ProblemError, SendError, WindowPassedError } from './errors.ts';
export type {
  AnswerEvent,
  AttemptEvent,
  BackgroundErrorEvent,
  CachedEvent,
  ClientEvent,
  CorruptEvent,
  ForgottenEvent,
  Listener,
  StateEvent,
} from './events.ts';
export { fingerprintOf, type Intent, type IntentRequest, windowEnd } from './intent.ts';
export type { Limits } from './journal.ts';
export type { Locks } from './locks.ts';
export { browser, type Platform } from './platform.ts';
export { isProblem, type Problem, readProblem } from './problem.ts';
export type { Outcome, Queued, Result, ServerResult, ServerSource, Source, Trace } from './result.ts';
export type { RetryPolicy } from './retry.ts';
export { isUnfinished, type State } from './state.ts';
export { type IntentStorage, QuotaError, type StorageKind, type StoredText, UnavailableError } from './storage.ts';
export { createBrowserStorage, createFirstAvailableStorage } from './storage-browser.ts';
export { createIndexedDbStorage } from './storage-indexed-db.ts';
export { createLocalStorage } from './storage-local.ts';
export { createMemoryStorage } from './storage-memory.ts';

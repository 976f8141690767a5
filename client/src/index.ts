/**
 * A client for APIs that take an `Idempotency-Key`.
 *
 * ```ts
 * const client = createClient({ scope: user.id, storage: createBrowserStorage() });
 * const payment = { url: '/api/payments', body: { amount: 1250, currency: 'EUR' } };
 * const first = await client.submit(payment); // first.source === 'executed'
 * const again = await client.submit(payment); // again.source === 'client-cache': nothing was sent
 * const meant = await client.submitAsNew(payment); // meant.source === 'executed', with a key of its own
 * ```
 */
export type { Channel } from './channel.ts';
export { type Client, type ClientOptions, createClient, type SubmitOptions, type Usage } from './client.ts';
export type { Entry, StoredEntry, StoredResponse } from './entry.ts';
export { NetworkError, ProblemError, SendError, UnreadableError, WindowPassedError } from './errors.ts';
export type {
  AttemptEvent,
  BackgroundErrorEvent,
  CachedEvent,
  ClientEvent,
  EvictedEvent,
  ForgottenEvent,
  Listener,
  ResponseEvent,
  StateEvent,
  UnreadableEvent,
} from './events.ts';
export { type Intent, type IntentRequest, windowEnd } from './intent.ts';
export type { Limits } from './journal.ts';
export type { Locks } from './locks.ts';
export { browser, type Platform } from './platform.ts';
export { isProblem, type Problem, readProblem } from './problem.ts';
export type { ReadResponse, ServerSource, Trace } from './response.ts';
export type { Outcome, Queued, Result, ServerResult, Source } from './result.ts';
export type { Classify, ErrorResponse, RetryPolicy, Verdict } from './retry.ts';
export type { Runtime } from './runtime.ts';
export { isUnfinished, type State, type StoredState } from './state.ts';
export {
  type IntentStorage,
  QuotaError,
  type StorageKind,
  type StoredText,
  UnavailableError,
  type Write,
} from './storage.ts';
export { createBrowserStorage } from './storage-browser.ts';
export type { HeadersOf, SendOptions } from './transport.ts';

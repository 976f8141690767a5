/**
 * A client for APIs that take an `Idempotency-Key`.
 *
 * ```ts
 * const client = createClient({ scope: user.id });
 * const intent = await client.prepare({ url: '/api/payments', body: { amount: 1250, currency: 'EUR' } });
 * const first = await client.send(intent); // first.source === 'executed'
 * const again = await client.send(first.intent); // again.source === 'server-replay'
 * ```
 */
export { type Client, type ClientOptions, createClient } from './client.ts';
export { NetworkError, ProblemError, SendError, WindowPassedError } from './errors.ts';
export { type Intent, type IntentRequest, requestHash } from './intent.ts';
export type { Platform } from './platform.ts';
export { isProblem, type Problem, readProblem } from './problem.ts';
export type { Result, Source, Trace } from './result.ts';
export type { RetryPolicy } from './retry.ts';

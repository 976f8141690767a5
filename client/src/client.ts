import { unlessAborted } from './abort.ts';
import type { Channel } from './channel.ts';
import { createClock } from './clock.ts';
import type { StoredEntry } from './entry.ts';
import { type ClientEvent, createEmitter, type Listener } from './events.ts';
import { createIntent, type Intent, type IntentRequest } from './intent.ts';
import { createJournal, gone, type Limits } from './journal.ts';
import { createOutbox } from './outbox.ts';
import { browser, type Platform } from './platform.ts';
import type { Outcome, Result, ServerResult } from './result.ts';
import { type Classify, demandPositive, type RetryPolicy, retryPolicy } from './retry.ts';
import { createRunner } from './runner.ts';
import { isUnfinished } from './state.ts';
import type { IntentStorage } from './storage.ts';
import { createTransport, type HeadersOf, type SendOptions } from './transport.ts';

export interface ClientOptions {
  /** Whose intents these are: a user, a tenant, a session. The server must distinguish callers in the same way. */
  readonly scope: string;
  /** Where intents are kept: `createBrowserStorage()` in a page, `createIndexedDbStorage()` in a worker. */
  readonly storage: IntentStorage;
  /**
   * Headers for an attempt (credentials, say), asked for each time so that a refreshed token is used; they may come
   * later. What this throws ends the submission. Default none; `Content-Type` is `application/json` unless given.
   */
  readonly headers?: HeadersOf;
  /** The server's window in milliseconds, until `Idempotency-Expires` says otherwise. Default 24 hours. */
  readonly windowMs?: number;
  /**
   * For how long `submit` answers the same request from the cache, in milliseconds. Default: the whole window. Who asks
   * again later means it again. It does not concern a key of the caller's own.
   */
  readonly dedupeFor?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** Decides about the error responses of an API with words of its own. What it throws ends the submission. */
  readonly classify?: Classify;
  readonly limits?: Partial<Limits>;
  /** Replaces parts of the browser's platform. */
  readonly platform?: Partial<Platform>;
}

export interface SubmitOptions {
  /** Ends the wait for the outcome. The intent goes on: see {@link Client.clear} for stopping it. */
  readonly signal?: AbortSignal;
}

/** What is stored, in numbers. */
export interface Usage {
  readonly entries: number;
  /** Those without a final response. */
  readonly unfinished: number;
  readonly bytes: number;
  readonly limits: Limits;
}

export interface Client {
  /** Makes an intent: a key, a fingerprint and the bytes to send. A draft: nothing is stored, nothing is sent. */
  prepare(request: IntentRequest): Promise<Intent>;

  /**
   * Does what is asked, once: however often it is submitted, in however many tabs, it is one intent with one key.
   * Answers from what is stored if it can; the README says what happens when.
   *
   * @param request what to do, or an intent: one that was prepared, or one to retry as it is
   * @throws {ProblemError} the server answered with an error that will not pass
   * @throws {WindowPassedError} nobody knows whether it was done, and too late to ask; nothing was sent
   * @throws {UnreadableError} what is stored about the same cannot be read; nothing was sent
   * @throws {QuotaError} there is no room to write it down; nothing was sent
   * @throws {TypeError} there cannot be such a request; nothing was sent. So does whatever `headers` throws
   * @throws {DOMException} `AbortError` if the intent is cleared meanwhile; the signal's reason if that aborts
   */
  submit(request: IntentRequest | Intent, options?: SubmitOptions): Promise<Outcome>;

  /**
   * Says "I mean it again": like {@link submit}, with a new intent, though the same was asked before.
   *
   * @param request what to do, or an intent that was prepared and not submitted yet
   */
  submitAsNew(request: IntentRequest | Intent, options?: SubmitOptions): Promise<Outcome>;

  /**
   * Asks the server, whatever is known here, and stores nothing: the layer below {@link submit}. The same key and the
   * same bytes on every attempt, and on every further call.
   *
   * @throws {ProblemError} the server answered with an error
   * @throws {NetworkError} no response came
   * @throws {WindowPassedError} too late to be safe; nothing was sent
   */
  send(intent: Intent, options?: SendOptions): Promise<ServerResult>;

  /**
   * Sends what is unfinished, blocked intents included, and from now on does so by itself. Call it at start, and when
   * somebody has signed in again. Resolves once everything that can be sent has been; how each ended is told by events.
   */
  resume(): Promise<void>;

  /**
   * Waits for the end of a stored intent, whoever brings it about: the outbox, another tab.
   *
   * @throws as {@link submit} does; `AbortError` if no such intent is stored
   */
  wait(key: string, options?: SubmitOptions): Promise<Result>;

  /** What is stored of this scope and can be read, oldest first. */
  entries(): Promise<readonly StoredEntry[]>;

  usage(): Promise<Usage>;

  /**
   * Forgets an intent and those that were to follow it, or without a key everything of this scope, and stops sending it
   * in every tab. A request that has left may be executed all the same. Call it without a key at sign-out.
   */
  clear(key?: string): Promise<void>;

  /** Calls back at every event, those of other tabs about states included. Returns the unsubscriber. */
  subscribe(listener: Listener): () => void;

  /**
   * Stops listening to the browser and to other tabs, and starts nothing more, until the next {@link resume}. What is
   * under way goes on.
   */
  close(): void;
}

const day = 86_400_000;

/** A client for one scope. @throws {TypeError} or {RangeError} if the options make no sense */
export const createClient = (options: ClientOptions): Client => {
  const { scope, windowMs = day, dedupeFor = Infinity } = options;
  const limits: Limits = { entries: 200, bytes: 2_000_000, ...options.limits };
  const platform: Platform = { ...browser, ...options.platform };
  const policy = retryPolicy(options.retry);
  if (!scope || !options.storage) {
    throw new TypeError('scope or storage is missing');
  }
  demandPositive({ windowMs, dedupeFor, ...limits });
  if (!options.platform?.sha256 && !globalThis.crypto?.subtle) {
    throw new TypeError('no crypto.subtle: give platform.sha256');
  }

  const clock = createClock(platform, windowMs);
  const events = createEmitter(clock.now, (event) => {
    if (event.type === 'state' || event.type === 'forgotten') {
      channel?.postMessage({ ...event, remote: true });
    }
    // A settled response says that there is a network, and may be waited for.
    if (event.type === 'state' && event.state === 'succeeded') {
      outbox.hint();
    }
  });
  const shared = { ...options, windowMs, dedupeFor, limits, platform, policy, clock, events };
  const transport = createTransport(shared);
  const journal = createJournal(shared);
  const runner = createRunner(shared, journal, transport);
  const outbox = createOutbox(shared, journal, runner);
  let closed = false;
  let channel: Channel | undefined;

  /** Hears and tells the other tabs from now on. A client that only prepares and sends concerns no other tab. */
  const open = (): void => {
    channel ??= platform.channel(`idempotent-requests/${scope}`, hear);
  };

  /** Takes in what another tab tells. */
  const hear = (message: unknown): void => {
    const event = message as ClientEvent;
    if (event.type === 'forgotten') {
      runner.withdraw(event.key);
    }
    if (event.type === 'state' && isUnfinished(event.state)) {
      outbox.watch();
    }
    events.deliver(event);
  };

  const owned = (intent: Intent): Intent => {
    if (intent.scope !== scope) {
      throw new TypeError('an intent of another scope');
    }
    return intent;
  };

  const prepare = (request: IntentRequest) => createIntent(request, scope, platform);

  const deliver = async (request: IntentRequest | Intent, asNew: boolean): Promise<Outcome> => {
    const startedAt = clock.uptime();
    if (!closed) {
      open();
    }
    const draft = 'fingerprint' in request ? owned(request) : await prepare(request);
    const known = asNew ? undefined : await journal.find(draft);
    if (known?.state === 'succeeded') {
      return runner.outcomeOf(known, startedAt) as Result;
    }
    // Asked for before anything is written down, so that a mistake in it costs nothing.
    const first = known ? undefined : await transport.headersFor(draft);
    const { intent } = await journal.admit(draft, asNew);
    const outcome = await runner.deliver(intent, startedAt, intent.key === draft.key ? first : undefined);
    if (outcome.source === 'queued' && !closed) {
      outbox.start();
    }
    return outcome;
  };

  const submitWith =
    (asNew: boolean): Client['submit'] =>
    async (request, { signal } = {}) => {
      signal?.throwIfAborted();
      return unlessAborted(deliver(request, asNew), signal);
    };

  const wait = async (key: string, { signal }: SubmitOptions = {}): Promise<Result> => {
    if (!closed) {
      open();
      outbox.start();
    }
    const startedAt = clock.uptime();
    const look = async () => {
      signal?.throwIfAborted();
      const outcome = runner.outcomeOf((await journal.lookUp(key)) ?? gone(), startedAt);
      return outcome?.source === 'queued' ? undefined : outcome;
    };
    return unlessAborted(runner.until(key, look), signal);
  };

  return {
    prepare,
    submit: submitWith(false),
    submitAsNew: submitWith(true),
    send: async (intent, sending) => {
      const { result, error } = await transport.send(owned(intent), sending);
      if (!result) {
        throw error;
      }
      return result;
    },
    resume: () => {
      closed = false;
      open();
      outbox.start();
      const drained = outbox.drain(true);
      drained.catch(events.fail); // told, and no unhandled rejection, if nobody waits for it
      return drained;
    },
    wait,
    entries: () => journal.list(),
    usage: async () => {
      const entries = await journal.list();
      return {
        entries: entries.length,
        unfinished: entries.filter(({ state }) => isUnfinished(state)).length,
        bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
        limits,
      };
    },
    clear: async (key) => {
      open();
      runner.withdraw(key);
      await journal.clear(key);
    },
    subscribe: (listener) => {
      open();
      return events.subscribe(listener);
    },
    close: () => {
      closed = true;
      outbox.stop();
      channel?.close();
      channel = undefined;
    },
  };
};

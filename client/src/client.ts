import { openChannelLazily } from './channel.ts';
import type { StoredEntry } from './entry.ts';
import { type ClientEvent, createEmitter, type Listener } from './events.ts';
import { createIntent, type Intent, type IntentRequest } from './intent.ts';
import { createJournal, type Limits } from './journal.ts';
import { browser, type Platform } from './platform.ts';
import type { Outcome, Result, ServerResult } from './result.ts';
import { type RetryPolicy, retryPolicy } from './retry.ts';
import { createRunner, withdrawn } from './runner.ts';
import { isUnfinished } from './state.ts';
import type { IntentStorage } from './storage.ts';
import { createBrowserStorage } from './storage-browser.ts';
import { createTransport, type SendOptions } from './transport.ts';

export interface ClientOptions {
  /** Whose intents these are: a user, a tenant, a session. The server must tell callers apart in the same way. */
  readonly scope: string;
  /** Headers for every attempt (credentials, say). Asked each time, so that a refreshed token is used. Default none. */
  readonly headers?: (intent: Intent) => Record<string, string>;
  /**
   * The server's window in milliseconds, counted from the first send; `Idempotency-Expires` shortens it where the
   * server has sent one. Default 24 hours.
   */
  readonly windowMs?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** Where intents are kept. Default {@link createBrowserStorage}. */
  readonly storage?: IntentStorage;
  readonly limits?: Partial<Limits>;
  /** Replaces parts of the browser's platform, in tests above all. */
  readonly platform?: Partial<Platform>;
}

export interface SubmitOptions {
  /** Ends the wait for the outcome. The intent goes on: see {@link Client.clear} for stopping it. */
  readonly signal?: AbortSignal;
}

/** What is stored, in numbers. */
export interface Usage {
  readonly entries: number;
  /** Those without a final answer. */
  readonly unfinished: number;
  readonly bytes: number;
  readonly limits: Limits;
}

export interface Client {
  /** Makes an intent: a key, a fingerprint and the bytes to send. A draft: nothing is stored, nothing is sent. */
  prepare(request: IntentRequest): Promise<Intent>;

  /**
   * Does what is asked, once: however often it is submitted, in however many tabs, it is one intent with one key.
   * Answers from what is stored where it can; see the README for what happens when.
   *
   * @param request what to do, or an intent: one that was prepared, or one to retry as it is
   * @throws {ProblemError} the server answered with an error that will not pass
   * @throws {WindowPassedError} nobody knows whether it was done, and too late to ask; nothing was sent
   * @throws {DOMException} `AbortError` where the intent is cleared meanwhile; the signal's reason where that aborts
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
   * @throws {NetworkError} no answer came
   * @throws {WindowPassedError} too late to be safe; nothing was sent
   */
  send(intent: Intent, options?: SendOptions): Promise<ServerResult>;

  /**
   * Sends what is unfinished, oldest first, and from now on does so whenever the network is back or the page is looked
   * at. Call it at start. Resolves once everything that could be sent has been; how each ended is told by events.
   */
  resume(): Promise<void>;

  /**
   * Waits for the end of a stored intent, whoever brings it about: the outbox, another tab.
   *
   * @throws as {@link submit} does; `AbortError` where no such intent is stored
   */
  wait(key: string, options?: SubmitOptions): Promise<Result>;

  /** What is stored of this scope, oldest first. */
  entries(): Promise<readonly StoredEntry[]>;

  usage(): Promise<Usage>;

  /**
   * Forgets an intent, or with no key everything of this scope, and stops sending it in every tab. A request that has
   * left may be executed all the same.
   */
  clear(key?: string): Promise<void>;

  /** Calls back at every event, those of other tabs about states included. Returns the unsubscriber. */
  subscribe(listener: Listener): () => void;

  /** Stops listening to the browser and to other tabs, and starts nothing more. What is under way goes on. */
  close(): void;
}

const defaultLimits: Limits = { entries: 200, bytes: 2_000_000 };

/** A client for one scope. @throws RangeError where the options make no sense */
export function createClient(options: ClientOptions): Client {
  const { scope, headers = () => ({}), windowMs = 24 * 60 * 60 * 1_000, storage = createBrowserStorage() } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const platform: Platform = { ...browser, ...options.platform };
  const policy = retryPolicy(options.retry);
  if (scope === '') {
    throw new RangeError('scope must not be empty: without it callers share their answers');
  }
  if (!(windowMs > 0)) {
    throw new RangeError(`windowMs must be positive, not ${windowMs}`);
  }

  const events = createEmitter();
  // Opened when first needed: a client that only prepares and sends concerns no other tab.
  const channel = openChannelLazily(() => platform.channel(`idempotent-requests/${scope}`), hear);
  let stopWaking: (() => void) | undefined;

  const transport = createTransport({ headers, windowMs, policy, platform, events });
  const journal = createJournal({ scope, windowMs, limits, storage, platform, emit: tell });
  const runner = createRunner({ scope, windowMs, journal, transport, platform, events });

  /** Emits an event of the journal here and to the other tabs, which share it. */
  function tell(event: ClientEvent): void {
    events.emit(event);
    if (event.type === 'state' || event.type === 'forgotten') {
      channel.post({ ...event, remote: true });
    }
  }

  /** Takes in what another tab tells. */
  function hear(message: unknown): void {
    const event = message as ClientEvent;
    if (event.type === 'forgotten' && event.reason === 'cleared') {
      runner.withdraw(event.key);
    }
    events.emit(event);
  }

  function owned(intent: Intent): Intent {
    if (intent.scope !== scope) {
      throw new TypeError('this intent was made in another scope');
    }
    return intent;
  }

  const prepare = (request: IntentRequest) => createIntent(request, scope, platform.randomUUID());

  const draftOf = async (request: IntentRequest | Intent) => ('key' in request ? owned(request) : prepare(request));

  /** Tries the outbox, with nobody waiting for it. */
  function wake(): void {
    runner.drain().catch((error) => events.emit({ type: 'background-error', error, at: platform.now() }));
  }

  async function submit(request: IntentRequest | Intent, { signal }: SubmitOptions = {}): Promise<Outcome> {
    signal?.throwIfAborted();
    const startedAt = platform.now();
    channel.open();
    const draft = await draftOf(request);
    const known = await journal.find(draft);
    if (known?.state === 'succeeded') {
      // The answer doesn't wait for the bookkeeping.
      journal.touch(known).catch((error) => events.emit({ type: 'background-error', error, at: platform.now() }));
      return runner.outcomeOf(known, startedAt) as Result;
    }
    signal?.throwIfAborted();
    const { intent } = await journal.admit(draft);
    return unlessAborted(runner.deliver(intent, startedAt), signal);
  }

  async function wait(key: string, { signal }: SubmitOptions = {}): Promise<Result> {
    signal?.throwIfAborted();
    channel.open();
    const startedAt = platform.now();
    let notice = () => {};
    const unsubscribe = events.subscribe((event) => {
      if (event.type === 'forgotten' || (event.type === 'state' && event.key === key)) {
        notice();
      }
    });
    try {
      for (;;) {
        // Before looking, so that what changes meanwhile is not missed.
        const changed = new Promise<void>((resolve) => {
          notice = resolve;
        });
        const entry = (await journal.list()).find(({ intent }) => intent.key === key);
        if (entry === undefined) {
          throw withdrawn();
        }
        const outcome = runner.outcomeOf(entry, startedAt);
        if (outcome !== undefined && outcome.source !== 'queued') {
          return outcome;
        }
        await unlessAborted(changed, signal);
      }
    } finally {
      unsubscribe();
    }
  }

  return {
    prepare,
    submit,
    submitAsNew: async (request, { signal } = {}) => {
      signal?.throwIfAborted();
      const startedAt = platform.now();
      channel.open();
      const { intent } = await journal.admitAsNew(await draftOf(request));
      return unlessAborted(runner.deliver(intent, startedAt), signal);
    },
    send: async (intent, sending) => transport.send(owned(intent), sending),
    resume: () => {
      channel.open();
      stopWaking ??= platform.onWake(wake);
      return runner.drain();
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
      channel.open();
      runner.withdraw(key);
      await journal.clear(key);
    },
    subscribe: (listener) => {
      channel.open();
      return events.subscribe(listener);
    },
    close: () => {
      runner.close();
      stopWaking?.();
      channel.close();
    },
  };
}

/** The promise's outcome, or the signal's reason if that comes first. What the promise stands for goes on. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return promise;
  }
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) {
      abort();
    }
  });
}

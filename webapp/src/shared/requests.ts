import { browser, type Client, type Intent, type IntentRequest, type RetryPolicy } from 'idempotent-requests';
import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Api } from './api.ts';
import { preciseNow, recordAttempts } from './attempts.ts';
import { keyHash } from './key-hash.ts';
import { pathOf } from './operation.ts';
import { messageOf, ofEntry, ofError, ofOutcome, ofResponse } from './settlement.ts';
import {
  type Attempt,
  isSettled,
  type Operation,
  type Outcome,
  problemVerdict,
  type Settlement,
  type Submission,
} from './submission.ts';
import { createSubmissionLog, type SubmissionLog } from './submission-log.ts';

/** What every submission says of itself. */
export interface About {
  readonly repeats?: boolean | undefined;
  /** The scenario's run that it belongs to. */
  readonly run?: string | undefined;
  readonly secondTab?: boolean | undefined;
  /** A `Demo-Fault` for the first request. */
  readonly fault?: string | undefined;
}

/** What was asked in this session, and the ways to ask for more. All of it is written down in the log. */
export interface Requests {
  readonly log: SubmissionLog;
  /** The session's client. What is submitted through it goes on when the caller stops waiting. */
  readonly client: Client;
  /** As the client's own, with something to say about it. */
  readonly submit: (how: 'submit' | 'submitAsNew', request: IntentRequest | Intent, about?: About) => Promise<Intent>;
  /** Sends an intent past the client, which would not send a duplicate. Resolves once it has ended, however. */
  readonly resend: (intent: Intent, about?: About & { readonly retry?: Partial<RetryPolicy> }) => Promise<Intent>;
  /** Asks without a key. Resolves once it has ended, however. @param tries how often, until an answer comes; default 1 */
  readonly sendUnprotected: (
    operation: Operation,
    body: unknown,
    about?: About & { readonly tries?: number },
  ) => Promise<Outcome>;
  /** Follows the client: what it does by itself, and what it does for another page. Returns the way to stop. */
  readonly follow: () => () => void;
}

/** @param onChange called when something may have happened at the server */
export function createRequests(api: Api, onChange: () => void): Requests {
  const log = createSubmissionLog(api.sessionId);
  const { client, network } = api;
  /** The submissions that somebody waits for. */
  const awaited = new Set<string>();

  function begin(
    { operation, url, body, key }: Pick<Submission, 'operation' | 'url' | 'body' | 'key'>,
    { repeats = false, run, secondTab }: About,
    more: Partial<Submission> = {},
  ): Submission {
    return log.add({
      id: browser.randomUUID(),
      operation,
      url,
      body,
      ...(key && { key }),
      ...more,
      repeats,
      ...(run && { run }),
      ...(secondTab && { secondTab }),
      startedAt: preciseNow(),
      attempts: [],
    });
  }

  /** Writes the end down. A request that never ended then is one without an answer. */
  function settle(id: string, settlement: Settlement, more: Partial<Submission> = {}): void {
    const endedAt = preciseNow();
    log.update(id, ({ attempts }) => ({
      ...more,
      settlement,
      attempts: attempts.map((one) => (one.endedAt === undefined ? { ...one, endedAt, verdict: 'no-answer' } : one)),
    }));
    onChange();
  }

  async function describe(intent: Intent) {
    return {
      operation: operationOf(intent.url),
      url: intent.url,
      body: JSON.parse(new TextDecoder().decode(intent.body)) as unknown,
      key: intent.key,
      keyHash: await keyHash(api.sessionId, intent.key),
    };
  }

  /** An intent that cannot be made is a submission, too: nothing was written down, nothing was sent. */
  async function prepare(request: IntentRequest, about: About = {}): Promise<Intent> {
    try {
      return await client.prepare(request);
    } catch (error) {
      const { id } = begin({ operation: operationOf(request.url), url: request.url, body: request.body }, about);
      settle(id, ofError(error));
      throw error;
    }
  }

  async function run(how: 'submit' | 'submitAsNew', request: IntentRequest | Intent, about: About = {}) {
    const draft = 'fingerprint' in request ? request : await prepare(request, about);
    api.askForFault(draft.key, about.fault);
    const described = await describe(draft);
    const { id, startedAt } = begin(described, about, {
      keyHash: described.keyHash,
      kept: true,
      ...(how === 'submit' && { fingerprint: draft.fingerprint }),
    });
    awaited.add(id);
    try {
      const outcome = await client[how](draft);
      const { key } = outcome.intent;
      // An intent of this submission's own may have been sent by another tab: then that is where the answer is from.
      const own = outcome.source === 'client-cache' && key === draft.key;
      const entry = own ? (await client.entries()).find(({ intent }) => intent.key === key) : undefined;
      const settlement = entry ? ofEntry(entry, startedAt) : ofOutcome(outcome);
      settle(id, settlement, { key, keyHash: await keyHash(api.sessionId, key) });
      return outcome;
    } catch (error) {
      settle(id, ofError(error));
      throw error;
    } finally {
      awaited.delete(id);
    }
  }

  /** The submission for which the client makes its requests: the first with that key. */
  const ownerOf = (key: string) => log.findOldest((one) => one.kept === true && one.key === key)?.id;

  /** Settles what nobody waits for by what the client has written down. What can't be read now is read at the next event. */
  async function catchUp(concerns: (one: Submission) => boolean): Promise<void> {
    const entries = await client.entries().catch(() => undefined);
    if (entries === undefined) {
      return;
    }
    for (const one of log.get()) {
      if (!one.kept || isSettled(one) || awaited.has(one.id) || !concerns(one)) {
        continue;
      }
      const own = entries.find(({ intent }) => intent.key === one.key);
      // Its page may have been left while it was joining another, under whose key it waits.
      const entry = own ?? entries.findLast(({ intent }) => intent.fingerprint === one.fingerprint);
      if (entry === undefined) {
        const outcome: Outcome = {
          kind: 'unanswered',
          message: 'the client has forgotten it: it was cleared, or its window has passed',
        };
        settle(one.id, { outcome, attempts: one.attempts.length, latencyMs: 0 });
      } else if (entry.state !== 'pending' && entry.state !== 'in-flight') {
        const { key } = entry.intent;
        settle(one.id, ofEntry(entry, one.startedAt), { key, keyHash: await keyHash(api.sessionId, key) });
      }
    }
  }

  return {
    log,
    client: {
      ...client,
      prepare: (request) => prepare(request),
      submit: (request) => run('submit', request),
      submitAsNew: (request) => run('submitAsNew', request),
    },
    submit: async (how, request, about) => {
      const draft = 'fingerprint' in request ? request : await prepare(request, about);
      await run(how, draft, about).catch(() => {}); // it is in the log
      return draft;
    },
    resend: async (intent, about = {}) => {
      const described = await describe(intent);
      const { id } = begin(described, about, { keyHash: described.keyHash });
      api.askForFault(intent.key, about.fault);
      const stranger = api.stranger(about.retry && { retry: about.retry });
      const stop = recordAttempts(stranger, log, () => id, network.online);
      try {
        const result = await stranger.send(intent);
        settle(id, ofOutcome(result));
        return result.intent;
      } catch (error) {
        settle(id, ofError(error));
        return intent;
      } finally {
        stop();
        stranger.close();
      }
    },
    sendUnprotected: async (operation, body, about = {}) => {
      const path = `/unprotected${pathOf(operation)}`;
      const { id, startedAt } = begin({ operation, url: api.url(path), body }, about);
      const { tries = 1 } = about;
      for (let attempt = 1; ; attempt++) {
        const outcome = await tryOnce(id, path, body, attempt === 1 ? about.fault : undefined);
        if (attempt >= tries || outcome.kind === 'done') {
          settle(id, { outcome, attempts: attempt, latencyMs: preciseNow() - startedAt });
          return outcome;
        }
      }
    },
    follow: () => {
      const stopRecording = recordAttempts(client, log, ownerOf, network.online);
      const stop = client.subscribe((event) => {
        if (event.type === 'state') {
          // Not only what has this key: an earlier page may have been left while a submission was joining this intent.
          void catchUp((one) => one.key === event.key || one.fingerprint === event.fingerprint);
        } else if (event.type === 'forgotten') {
          void catchUp(({ key }) => event.key === undefined || key === event.key);
        }
      });
      void client
        .resume()
        .catch(() => {}) // the client tries again by itself
        .then(() => catchUp(() => true));
      return () => {
        stop();
        stopRecording();
      };
    },
  };

  async function tryOnce(id: string, path: string, body: unknown, fault?: string): Promise<Outcome> {
    const started: Attempt = { startedAt: preciseNow(), verdict: 'pending' };
    const show = (ended?: Partial<Attempt>) =>
      log.update(id, ({ attempts }) => ({
        attempts: ended
          ? attempts.map((one) => (one === started ? { ...started, endedAt: preciseNow(), ...ended } : one))
          : [...attempts, started],
      }));
    if (network.online()) {
      show();
    }
    try {
      const response = await api.post(path, body, fault);
      const outcome = await ofResponse(response);
      show({
        status: response.status,
        verdict: outcome.kind === 'refused' ? problemVerdict(outcome.problem) : 'executed',
      });
      return outcome;
    } catch (error) {
      show({ verdict: 'no-answer' });
      return { kind: 'unanswered', message: messageOf(error) };
    }
  }
}

function operationOf(url: string): Operation {
  const { pathname } = new URL(url, location.href);
  return operations.find((operation) => pathname.endsWith(pathOf(operation))) ?? 'payments.create';
}

const operations: readonly Operation[] = ['customers.create', 'payments.create', 'orders.create'];

const RequestsContext = createContext<Requests | undefined>(undefined);

/** Gives the session's requests to everything below. */
export const RequestsProvider = RequestsContext.Provider;

/** The session's requests. @throws Error outside a `RequestsProvider` */
export function useRequests(): Requests {
  const requests = useContext(RequestsContext);
  if (requests === undefined) {
    throw new Error('useRequests needs a RequestsProvider above it');
  }
  return requests;
}

/** The submissions of this session, newest first. */
export function useSubmissions(): readonly Submission[] {
  const { log } = useRequests();
  return useSyncExternalStore(log.subscribe, log.get);
}

import {
  browser,
  type Client,
  createBrowserStorage,
  createClient,
  type Intent,
  type RetryPolicy,
} from 'idempotent-requests';
import { sha256 } from 'idempotent-requests/sha256';
import type { Why } from '../../model/facts.ts';
import type { Evidence } from '../../model/fit.ts';
import type { Sighting } from '../../model/sightings.ts';
import type { Config } from '../../shared/config.ts';
import type { Exchange } from '../../shared/exchange.ts';
import { keyHash } from '../../shared/key-hash.ts';
import { pathOf } from '../../shared/operation.ts';
import type { Operation } from '../../shared/submission.ts';
import { createReports } from './reports.ts';
import { bodyOf, jsonOf, keyIn, ledgerOperation, operationOf, textOf } from './request-parts.ts';

/** What is asked for in one lane. */
export interface Wish {
  readonly operation: Operation;
  readonly body: Readonly<Record<string, unknown>>;
  readonly keyed: boolean;
  /** When the server will have forgotten the key, in milliseconds from now, if that is known. */
  readonly forgottenInMs?: number;
}

/** How it is asked for. */
export interface Conduct {
  readonly why: Why;
  /** The request's number. Default: the next one. */
  readonly req?: number;
  /** A `Demo-Fault` for the first request. */
  readonly fault?: string;
  /** How often to try without a key, until an answer comes. Default 1. */
  readonly tries?: number;
  /** Another amount than the wish's. */
  readonly amount?: number;
}

/** One intent. Without a key it is but a body: every request that asks for it is another one. */
export interface Deed {
  /** The intent's key; absent without one. */
  readonly key?: string;
  /** Submits it, with a key through the client, which carries it on whatever happens to the page. */
  readonly submit: (conduct: Conduct) => Promise<void>;
  /** Sends a duplicate, past the client. */
  readonly resend: (conduct: Conduct) => Promise<void>;
}

/** What a lane's work needs to go on after a reload. */
export interface LaneMemory {
  readonly session: string;
  readonly startedAt: number;
  readonly sightings: readonly Sighting[];
  /** The request that each intent was pressed for, by key. */
  readonly pressed: readonly (readonly [key: string, req: number])[];
  readonly unplugged: boolean;
}

/** The work of one lane: a session of its own, its client, its network, and everything that it sees. */
export interface LaneWork {
  readonly session: string;
  readonly client: Client;
  readonly exchanges: ReadonlyMap<number, Exchange>;
  readonly startedAt: () => number;
  readonly sightings: () => readonly Sighting[];
  /** Writes down something that this page does. */
  readonly note: (fact: Omit<Sighting & { kind: 'pressed' }, 't' | 'from' | 'kind'> & NotedKind) => void;
  /** Takes in what another tab saw. Its requests are numbered anew. */
  readonly takeIn: (sighting: Sighting, epoch: number) => void;
  /** Presses a button: the number of the request that follows. */
  readonly press: (why: Why) => number;
  readonly intend: (wish: Wish) => Promise<Deed>;
  /** Lets so many more requests leave, and none after them. Default none. */
  readonly unplug: (after?: number) => void;
  readonly plugIn: () => void;
  /** After a reload: goes on with what the client has written down. */
  readonly resume: () => Promise<void>;
  /** Reads what the API says. Undefined if it can't be read, or is more than is listed. */
  readonly evidence: () => Promise<Evidence | undefined>;
  /** Reads the record of the lane's key, if it has one. */
  readonly readRecord: () => Promise<void>;
  readonly remember: () => LaneMemory;
  /** Forgets everything that the client has written down. */
  readonly finish: () => Promise<void>;
}

/** A kind that the page notes, and from whom it is. */
export interface NotedKind {
  readonly kind:
    | 'joined'
    | 'cached'
    | 'shared'
    | 'reloaded'
    | 'silence'
    | 'restored'
    | 'written'
    | 'queued'
    | 'expired';
  readonly from?: 'client' | 'page';
  readonly req?: number;
  readonly key?: string;
  readonly dies?: readonly number[];
}

/** Epoch milliseconds, finer than `Date.now()`. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}

/** How long to wait before a retry without a key, in milliseconds. */
const retryDelay = 120;

/** @param onChange called when something was seen @param memory of a lane that goes on after a reload */
export function createLaneWork(config: Config, onChange: () => void, memory?: LaneMemory): LaneWork {
  const session = memory?.session ?? browser.randomUUID();
  const scope = { 'Demo-Session': session };
  const exchanges = new Map<number, Exchange>();
  const pressed = new Map(memory?.pressed ?? []);
  const seen: Sighting[] = [...(memory?.sightings ?? [])];
  const wakers = new Set<() => void>();
  const foreign = new Map<number, number>();
  /** What the next request with a key is sent for, and what it asks to go wrong. */
  const intended = new Map<string, { req?: number; why: Why; fault?: string }>();
  const queued = new Set<string>();
  let startedAt = memory?.startedAt;
  let left = memory?.unplugged ? 0 : Number.POSITIVE_INFINITY;
  let unplugged = left <= 0;
  let numbers = Math.max(0, ...seen.map((one) => ('req' in one ? (one.req ?? 0) : 0)));
  let recordOf: { readonly operation: Operation; readonly key: string } | undefined;

  const url = (path: string) => new URL(config.apiUrl + path, location.href).href;
  const reports = createReports(url, scope);
  /** The lane begins with the first thing that is asked of its clock. */
  function begin(epoch = preciseNow()): number {
    startedAt ??= epoch;
    return startedAt;
  }
  const now = () => {
    const start = begin();
    return preciseNow() - start;
  };
  const next = () => ++numbers;

  /** Who waits for a request with a key to leave. */
  const departures = new Map<string, () => void>();

  function add(sighting: Sighting) {
    seen.push(sighting);
    if (sighting.kind === 'sent' && sighting.key !== undefined) {
      departures.get(sighting.key)?.();
    }
    onChange();
  }

  /** Resolves once a request with the key leaves. */
  function departureOf(key: string): Promise<void> {
    return new Promise((resolve) => departures.set(key, resolve));
  }

  /** Sends a request, and writes down when it left and what came back. */
  async function leave(
    address: string,
    init: RequestInit,
    about: { readonly req: number; readonly why: Why; readonly fault?: string },
  ): Promise<Response> {
    const headers = new Headers(init.headers);
    const key = keyIn(headers);
    const asked = bodyOf(init.body);
    const operation = ledgerOperation(address);
    const { req, why, fault } = about;
    add({
      kind: 'sent',
      t: now(),
      req,
      why,
      operation,
      ...(key !== undefined && { key, keyHash: hashes.get(key) ?? '' }),
      ...asked,
      ...(fault !== undefined && { fault }),
    });
    if (key !== undefined && !hashes.has(key)) {
      void knowKey(key); // sent by another page, or before a reload
    }
    const exchange: Exchange = {
      method: init.method ?? 'GET',
      url: address,
      headers: [...headers],
      body: textOf(init.body),
    };
    exchanges.set(req, exchange);
    try {
      if (left <= 0) {
        throw new TypeError('the network is unplugged');
      }
      left -= 1;
      const response = await fetch(address, init);
      const bytes = new Uint8Array(await response.clone().arrayBuffer());
      const t = now();
      const text = new TextDecoder().decode(bytes);
      const { id, type, title } = jsonOf(text);
      const digest = (await sha256(bytes)).slice(0, 24);
      const retryAfter = Number(response.headers.get('Retry-After') ?? Number.NaN);
      exchanges.set(req, {
        ...exchange,
        response: { status: response.status, headers: [...response.headers], body: text },
      });
      add({
        kind: 'answered',
        t,
        req,
        status: response.status,
        replayed: response.headers.get('Idempotent-Replayed') === 'true',
        ...(response.ok && id !== undefined && { resource: id }),
        digest,
        ...(!response.ok && type !== undefined && { type }),
        ...(!response.ok && title !== undefined && { title }),
        ...(Number.isFinite(retryAfter) && { retryAfter }),
      });
      return response;
    } catch (error) {
      add({ kind: 'answered', t: now(), req });
      throw error;
    } finally {
      if (left <= 0 && !unplugged) {
        unplugged = true;
        note({ kind: 'unplugged' });
      }
    }
  }

  function note(fact: { readonly kind: string; readonly from?: 'client' | 'page'; readonly req?: number }): void {
    add({ t: now(), from: 'page', ...fact } as Sighting);
  }

  const hashes = new Map<string, string>();
  const knowKey = async (key: string) => {
    const hash = await keyHash(session, key);
    hashes.set(key, hash);
    for (const [i, one] of seen.entries()) {
      if (one.kind === 'sent' && one.key === key) {
        seen[i] = { ...one, keyHash: hash };
      }
    }
  };

  const headersFor = ({ key }: Intent) => {
    const fault = intended.get(key)?.fault;
    return { ...scope, ...(fault !== undefined && { 'Demo-Fault': fault }) };
  };

  const online = () => left > 0 && browser.online();
  const reachable = async (address: string) => left > 0 && browser.reachable(address);
  const storage = createBrowserStorage();
  const client = createClient({
    scope: session,
    storage,
    headers: headersFor,
    platform: {
      sha256,
      online,
      reachable,
      onWake: (wake) => {
        wakers.add(wake);
        const stop = browser.onWake(wake);
        return () => {
          wakers.delete(wake);
          stop();
        };
      },
      fetch: (address, init) => {
        const key = keyIn(new Headers(init.headers)) ?? '';
        if (left <= 0) {
          throw new TypeError('the network is unplugged'); // nothing leaves, so nothing is written down
        }
        const meant = intended.get(key);
        intended.delete(key);
        // The first request of a press is that press's own, however late it leaves.
        const first = !seen.some((one) => one.kind === 'sent' && one.key === key);
        const own = pressed.get(key);
        const req = meant?.req ?? (first && own !== undefined ? own : next());
        return leave(address, init, {
          req,
          why: meant?.why ?? (queued.has(key) ? 'outbox' : 'retry'),
          ...(meant?.fault !== undefined && { fault: meant.fault }),
        });
      },
    },
  });

  const unsubscribe = client.subscribe((event) => {
    if (event.type !== 'state' || event.remote) {
      return;
    }
    const req = latestOf(event.key);
    const about = { from: 'client' as const, key: event.key.slice(0, 4), ...(req !== undefined && { req }) };
    if (event.state === 'pending') {
      note({ kind: 'written', ...about });
    } else if (event.state === 'queued') {
      queued.add(event.key);
      intended.delete(event.key);
      note({ kind: 'queued', ...about });
    } else if (event.state === 'expired') {
      note({ kind: 'expired', ...about });
    }
  });

  /** The number of the latest request with the key, or of the press that it belongs to. */
  function latestOf(key: string): number | undefined {
    const sent = seen.findLast((one) => one.kind === 'sent' && one.key === key);
    return sent?.kind === 'sent' ? sent.req : pressed.get(key);
  }

  /** A client that knows nothing of the other, for a duplicate that is to leave all the same. */
  async function sendPast(intent: Intent, { why, req, fault }: Conduct): Promise<void> {
    const number = req ?? next();
    const stranger = createClient({
      scope: session,
      headers: () => ({ ...scope, ...(fault !== undefined && { 'Demo-Fault': fault }) }),
      storage,
      retry: once,
      platform: {
        sha256,
        online,
        reachable,
        fetch: (address, init) => leave(address, init, { req: number, why, ...(fault !== undefined && { fault }) }),
      },
    });
    await stranger.send(intent).catch(() => {}); // what came of it was seen
    stranger.close();
  }

  async function intend(wish: Wish): Promise<Deed> {
    const { operation, body, keyed } = wish;
    if (!keyed) {
      const send = async ({ why, req = next(), fault, tries = 1, amount }: Conduct) => {
        const sent = amount === undefined ? body : { ...body, amount };
        for (let attempt = 1; ; attempt++) {
          const again = attempt > 1;
          const asked = again ? undefined : fault;
          const done = await leave(
            url(`/unprotected${pathOf(operation)}`),
            {
              method: 'POST',
              headers: {
                ...scope,
                'Content-Type': 'application/json',
                ...(asked !== undefined && { 'Demo-Fault': asked }),
              },
              body: JSON.stringify(sent),
              cache: 'no-store',
            },
            { req: again ? next() : req, why: again ? 'retry' : why, ...(asked !== undefined && { fault: asked }) },
          ).then(
            ({ status }) => status < 500,
            () => false,
          );
          if (done || attempt >= tries) {
            return;
          }
          await new Promise((resolve) => setTimeout(resolve, retryDelay));
        }
      };
      return { submit: send, resend: send };
    }
    const request = { url: url(pathOf(operation)), body };
    client.resume().catch(() => {}); // from now on it wakes when the network is back
    const prepared = await client.prepare(request);
    const { key } = prepared;
    await knowKey(key);
    recordOf ??= { operation, key };
    const intent: Intent =
      wish.forgottenInMs === undefined ? prepared : { ...prepared, expiresAt: Date.now() + wish.forgottenInMs };
    let first: Promise<unknown> = Promise.resolve();
    return {
      key,
      submit: async ({ why, req = next(), fault }) => {
        pressed.set(key, req);
        intended.set(key, { req, why, ...(fault !== undefined && { fault }) });
        const left = departureOf(key);
        const done = client.submitAsNew(intent).then(
          () => {},
          () => {},
        );
        first = Promise.race([left, done]);
        await done;
      },
      resend: async (conduct) => {
        const req = conduct.req ?? next();
        // A duplicate never overtakes the first, which is written down before it leaves: whatever happens to this page,
        // the intent is not lost.
        await first;
        const other =
          conduct.amount === undefined
            ? undefined
            : await client.prepare({ ...request, body: { ...body, amount: conduct.amount } });
        await sendPast(other === undefined ? intent : { ...other, key }, { ...conduct, req });
      },
    };
  }

  return {
    session,
    client,
    exchanges,
    startedAt: () => startedAt ?? preciseNow(),
    sightings: () => [...seen],
    note,
    takeIn: (sighting, epoch) => {
      const t = epoch - begin(epoch);
      if ('req' in sighting && sighting.req !== undefined) {
        const known = foreign.get(sighting.req) ?? next();
        foreign.set(sighting.req, known);
        add({ ...sighting, t, req: known });
      } else {
        add({ ...sighting, t });
      }
    },
    press: (why) => {
      const req = next();
      add({ kind: 'pressed', t: now(), from: 'page', req, why });
      return req;
    },
    intend,
    unplug: (after = 0) => {
      left = after;
      unplugged = after <= 0;
      if (unplugged) {
        note({ kind: 'unplugged' });
      }
    },
    plugIn: () => {
      left = Number.POSITIVE_INFINITY;
      unplugged = false;
      note({ kind: 'plugged' });
      for (const wake of wakers) {
        wake();
      }
    },
    resume: async () => {
      const entries = await client.entries();
      for (const { intent, state } of entries) {
        await knowKey(intent.key);
        recordOf ??= { operation: operationOf(intent.url), key: intent.key };
        if (state === 'queued') {
          queued.add(intent.key);
        }
        const req = pressed.get(intent.key);
        note({
          kind: 'restored',
          from: 'client',
          key: intent.key.slice(0, 4),
          ...(req !== undefined && { req }),
        } as never);
      }
      await client.resume();
    },
    evidence: reports.evidence,
    readRecord: async () => {
      if (recordOf === undefined || startedAt === undefined) {
        return;
      }
      const reading = await reports.record(recordOf.operation, recordOf.key, now());
      if (reading !== undefined) {
        add(reading);
      }
    },
    remember: () => ({
      session,
      startedAt: startedAt ?? preciseNow(),
      sightings: seen,
      pressed: [...pressed],
      unplugged: left <= 0,
    }),
    finish: async () => {
      unsubscribe();
      await client.clear().catch(() => {});
      client.close();
    },
  };
}

/** One try and no more: what comes is the answer. */
const once: Partial<RetryPolicy> = { maxAttempts: 1 };

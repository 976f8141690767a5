import type { EntryName } from './entry.ts';
import type { Problem } from './problem.ts';
import type { ServerSource } from './response.ts';
import type { State } from './state.ts';

/** An intent has come further, here or in another tab. */
export interface StateEvent {
  readonly type: 'state';
  readonly key: string;
  readonly fingerprint: string;
  readonly state: State;
  readonly previous: State;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Whether another tab did it. */
  readonly remote: boolean;
}

/** A request leaves this tab. */
export interface AttemptEvent {
  readonly type: 'attempt';
  /** Unique among the attempts of this client; the event of its response has the same. */
  readonly id: number;
  readonly key: string;
  readonly fingerprint: string;
  /** 1 for the first of a send. */
  readonly attempt: number;
  readonly at: number;
}

/** What came of an attempt of this tab. */
export interface ResponseEvent {
  readonly type: 'response';
  readonly id: number;
  readonly key: string;
  readonly fingerprint: string;
  readonly attempt: number;
  readonly at: number;
  readonly latencyMs: number;
  /** Absent if no response came. */
  readonly status?: number | undefined;
  readonly source?: ServerSource | undefined;
  readonly problem?: Problem | undefined;
  /** How long until the next attempt of this send; absent if this was the last. */
  readonly retryInMs?: number | undefined;
}

/** A duplicate was answered from the cache, without network. */
export interface CachedEvent {
  readonly type: 'cached';
  readonly key: string;
  readonly fingerprint: string;
  readonly at: number;
}

/** An intent was forgotten: cleared, or past its window. Without `key`: all of them were cleared. */
export interface ForgottenEvent {
  readonly type: 'forgotten';
  readonly key?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly reason: 'cleared' | 'past-window';
  readonly at: number;
  readonly remote: boolean;
}

/** A stored response has made room for others. That its intent is done is still known. */
export interface EvictedEvent {
  readonly type: 'evicted';
  readonly key: string;
  readonly fingerprint: string;
  readonly at: number;
}

/** What is stored about an intent cannot be read: a newer version of this library wrote it, or it is damaged. */
export interface UnreadableEvent {
  readonly type: 'unreadable';
  readonly key: string;
  readonly fingerprint: string;
  readonly newer: boolean;
  readonly at: number;
}

/** Work in the background (the outbox, the bookkeeping of the cache) failed. It is tried again at the next occasion. */
export interface BackgroundErrorEvent {
  readonly type: 'background-error';
  readonly error: unknown;
  readonly at: number;
}

/** What an interface may want to show. */
export type ClientEvent =
  | StateEvent
  | AttemptEvent
  | ResponseEvent
  | CachedEvent
  | ForgottenEvent
  | EvictedEvent
  | UnreadableEvent
  | BackgroundErrorEvent;

/** Called synchronously, in the order of events. What it throws is reported to the console and goes no further. */
export type Listener = (event: ClientEvent) => void;

/** An event of this tab, without the intent that it is about, and without its time unless that is another than now. */
export type NewEvent = ClientEvent extends infer E
  ? E extends ClientEvent
    ? Omit<E, 'at' | 'remote' | 'key' | 'fingerprint'> & { at?: number }
    : never
  : never;

/** Hands events to listeners. */
export interface Emitter {
  /** Emits what happened here. */
  emit(event: NewEvent, about?: EntryName): void;
  /** Hands over an event of another tab. */
  deliver(event: ClientEvent): void;
  /** Emits that work in the background failed. */
  readonly fail: (error: unknown) => void;
  /** Returns the unsubscriber. */
  subscribe(listener: Listener): () => void;
}

/** @param tell told what happened here, after the listeners */
export const createEmitter = (now: () => number, tell: (event: ClientEvent) => void): Emitter => {
  const listeners = new Set<Listener>();
  const deliver = (event: ClientEvent) => {
    for (const listener of [...listeners]) {
      try {
        listener(event);
      } catch (error) {
        // A listener draws; what it gets wrong must not decide what is sent.
        console.error(error);
      }
    }
  };
  const emit = (given: NewEvent, { key, fingerprint }: Partial<EntryName> = {}) => {
    const event = { key, fingerprint, at: now(), remote: false, ...given } as ClientEvent;
    deliver(event);
    tell(event);
  };
  return {
    emit,
    deliver,
    fail: (error) => emit({ type: 'background-error', error }),
    subscribe: (listener) => {
      // Wrapped, so that one function subscribed twice is two subscriptions.
      const own: Listener = (event) => listener(event);
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
};

import type { Problem } from './problem.ts';
import type { ServerSource } from './result.ts';
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
  /** Unique among the attempts of this client; the answer's event has the same. */
  readonly id: number;
  readonly key: string;
  readonly fingerprint: string;
  /** 1 for the first of a send. */
  readonly attempt: number;
  readonly at: number;
}

/** What came of an attempt of this tab. */
export interface AnswerEvent {
  readonly type: 'answer';
  readonly id: number;
  readonly key: string;
  readonly fingerprint: string;
  readonly attempt: number;
  readonly at: number;
  readonly latencyMs: number;
  /** Absent where no answer came. */
  readonly status?: number;
  readonly source?: ServerSource;
  readonly problem?: Problem;
  /** How long until the next attempt; absent where this was the last. */
  readonly retryInMs?: number;
}

/** A duplicate was answered from the cache, without network. */
export interface CachedEvent {
  readonly type: 'cached';
  readonly key: string;
  readonly fingerprint: string;
  readonly at: number;
}

/** An intent was forgotten: cleared, evicted, or past its window. Without `key`: all of them were cleared. */
export interface ForgottenEvent {
  readonly type: 'forgotten';
  readonly key?: string;
  readonly reason: 'cleared' | 'evicted' | 'past-window';
  readonly at: number;
  readonly remote: boolean;
}

/** A stored entry could not be read. It was dropped, unless a newer version of this library wrote it. */
export interface CorruptEvent {
  readonly type: 'corrupt';
  /** The entry's name in the storage. */
  readonly id: string;
  readonly reason: string;
  readonly dropped: boolean;
  readonly at: number;
}

/** Work in the background (the outbox, the bookkeeping of the cache) failed; it is tried again at the next occasion. */
export interface BackgroundErrorEvent {
  readonly type: 'background-error';
  readonly error: unknown;
  readonly at: number;
}

/** What an interface may want to show. */
export type ClientEvent =
  | StateEvent
  | AttemptEvent
  | AnswerEvent
  | CachedEvent
  | ForgottenEvent
  | CorruptEvent
  | BackgroundErrorEvent;

/** Called synchronously, in the order of events. What it throws is reported to the console and goes no further. */
export type Listener = (event: ClientEvent) => void;

/** Hands events to listeners. */
export interface Emitter {
  emit(event: ClientEvent): void;
  /** Returns the unsubscriber. */
  subscribe(listener: Listener): () => void;
}

export function createEmitter(): Emitter {
  const listeners = new Set<Listener>();
  return {
    emit: (event) => {
      for (const listener of [...listeners]) {
        try {
          listener(event);
        } catch (error) {
          // A listener draws; what it gets wrong must not decide what is sent.
          console.error(error);
        }
      }
    },
    subscribe: (listener) => {
      // Wrapped, so that one function subscribed twice is two subscriptions.
      const own: Listener = (event) => listener(event);
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}

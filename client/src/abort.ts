import type { Runtime } from './runtime.ts';

/** The promise's outcome, or the signal's reason if that comes first. What the promise stands for goes on. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
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

/** Calls back after `ms` milliseconds, unless it is stopped before. Returns the way to stop it. */
export function timer({ sleep }: Pick<Runtime, 'sleep'>, ms: number, callback: () => void, idle = false): () => void {
  const stopped = new AbortController();
  sleep(ms, stopped.signal, idle).then(callback, () => {});
  return () => stopped.abort();
}

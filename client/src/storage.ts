/** A place that keeps text. */
export type StorageKind = 'localStorage' | 'indexedDB' | 'memory';

/** One stored text. */
export interface StoredText {
  readonly id: string;
  readonly text: string;
  readonly kind: StorageKind;
}

/**
 * Where entries are kept: texts by scope and id.
 *
 * A write is whole or not at all, and durable once its promise resolves, as far as the medium goes. Read-modify-write
 * is the caller's to guard. Methods reject where the medium fails, and then have changed nothing; with an
 * {@link UnavailableError} only where there is no medium at all.
 */
export interface IntentStorage {
  /** The texts of a scope whose id begins with the prefix, in no particular order. */
  list(scope: string, prefix?: string): Promise<readonly StoredText[]>;
  /** Adds or replaces. @throws {QuotaError} where there is no room */
  write(scope: string, id: string, text: string): Promise<void>;
  /** Removing what is not there is no error. */
  remove(scope: string, id: string): Promise<void>;
  /** Removes everything of the scope, and nothing else. */
  clear(scope: string): Promise<void>;
}

/** The browser has no such storage, or refuses access to it: nothing can lie there. */
export class UnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnavailableError';
  }
}

/** There is no room for a text, here and now. */
export class QuotaError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'QuotaError';
  }
}

/** A place that keeps text. */
export type StorageKind = 'indexedDB' | 'localStorage' | 'memory' | (string & {});

/** One stored text. */
export interface StoredText {
  readonly id: string;
  readonly text: string;
  readonly kind: StorageKind;
}

/** One change of a storage: the text to store under an id, or none to remove what lies there. */
export type Write = readonly [id: string, text: string | undefined];

/**
 * Where entries are kept: texts by scope and id.
 *
 * Methods reject if the medium fails, and then have changed nothing; with an {@link UnavailableError} only if there is
 * no medium at all.
 */
export interface IntentStorage {
  /** Returns the texts of a scope whose id begins with the prefix, in no particular order. */
  list(scope: string, prefix: string): Promise<readonly StoredText[]>;
  /**
   * Passes the texts of a scope whose id begins with the prefix to `change`, and makes the changes that it returns: all
   * of them or none, durable once the promise resolves as far as the medium goes, and with nobody else's between the
   * reading and the writing. `change` may be called again if the first time came to nothing.
   *
   * @throws {QuotaError} if there is no room
   */
  update(scope: string, prefix: string, change: (texts: readonly StoredText[]) => readonly Write[]): Promise<void>;
  /** Returns the scopes of which something is stored. A storage without it leaves the entries of others alone. */
  scopes?(): Promise<readonly string[]>;
}

/** The runtime has no such storage, or refuses access to it: nothing can lie there. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

/** There is no room for a text, here and now. */
export class QuotaError extends Error {
  override readonly name = 'QuotaError';
}

/** Reports whether a browser's storage says that it is full. */
export const isQuota = (error: unknown): boolean => (error as { name?: unknown } | null)?.name === 'QuotaExceededError';

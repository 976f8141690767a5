import type { Runtime } from './runtime.ts';

/** A request as the caller puts it. */
export interface IntentRequest {
  /** Default `POST`. A method that has no body (`GET`, `HEAD`) is refused: repeating it is harmless without a key. */
  readonly method?: string | undefined;
  /** Absolute, or relative to the page. */
  readonly url: string;
  /**
   * A JSON value, sent as `application/json`. Refused is what JSON would lose without a word: `FormData`, `Blob`, `Map`
   * and the like, numbers beyond ±(2^53 - 1), `NaN`, and strings that are not well-formed Unicode.
   */
  readonly body: unknown;
  /**
   * An idempotency key of the caller's own, such as `invoice-4711`: 1 to 255 printable ASCII characters without spaces
   * at either end. Default: a random UUID for each intent.
   */
  readonly key?: string | undefined;
  /**
   * The key of another intent of this client. This one is sent once that one has succeeded (or is no longer stored),
   * and is blocked if that one fails or expires.
   */
  readonly after?: string | undefined;
  /** A JSON value of the caller's that is stored beside the intent. It is neither sent nor part of the fingerprint. */
  readonly meta?: unknown;
}

/**
 * One thing that somebody wants done once.
 *
 * A plain value that survives `structuredClone`. It is never changed; sending an intent returns its successor.
 */
export interface Intent {
  /** The idempotency key: the same for every attempt. */
  readonly key: string;
  /** {@link fingerprintOf} of the request. It only serves to notice that the same is being asked again. */
  readonly fingerprint: string;
  /** Whose intent it is. */
  readonly scope: string;
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** The exact bytes that every attempt sends. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Whether the caller chose the key. */
  readonly named: boolean;
  readonly after?: string | undefined;
  readonly meta?: unknown;
  /** When the first byte may have left, in epoch milliseconds of this device's clock. Absent until the first send. */
  readonly firstSentAt?: number | undefined;
  /**
   * When the server forgets the key, in epoch milliseconds of this device's clock: what was left of the window by the
   * server's own clock, counted from when its response came. Absent until a response said so; of a stored intent that has
   * come to an end, at least the configured window is counted from then.
   */
  readonly expiresAt?: number | undefined;
  /**
   * How far this device's clock was ahead of the server's when the last response came, in milliseconds. Absent until a
   * response with a `Date` came.
   */
  readonly skew?: number | undefined;
}

/**
 * Makes an intent of a request. The same request twice makes two intents with one fingerprint and two keys.
 *
 * @throws {TypeError} if the URL, the method, the key or the body cannot be used
 */
export const createIntent = async (
  request: IntentRequest,
  scope: string,
  runtime: Pick<Runtime, 'randomUUID' | 'sha256'>,
): Promise<Intent> => {
  const { key = runtime.randomUUID(), after, meta } = request;
  const method = (request.method ?? 'POST').toUpperCase();
  const url = new URL(request.url, globalThis.location?.href).href;
  if (!/^[!-~]([ -~]{0,253}[!-~])?$/.test(key)) {
    throw new TypeError('a key has 1 to 255 printable ASCII characters');
  }
  const text = toJson(request.body);
  return {
    key,
    // Of what is sent, not of what was passed in: the two differ where JSON drops or converts a value.
    fingerprint: await fingerprintOf({ method, url, scope, body: JSON.parse(text) }, runtime.sha256),
    scope,
    method,
    url,
    body: new TextEncoder().encode(text),
    named: request.key !== undefined,
    after,
    meta: meta === undefined ? meta : JSON.parse(toJson(meta)),
  };
};

/**
 * When sending an intent stops being safe, in epoch milliseconds of this device's clock: at the end of the window since
 * the first send, or earlier if the server has said so. `Infinity` for an intent that was never sent.
 */
export const windowEnd = ({ firstSentAt, expiresAt }: Intent, windowMs: number): number =>
  Math.min((firstSentAt ?? Infinity) + windowMs, expiresAt ?? Infinity);

/**
 * Returns the SHA-256, in hex, of the canonical JSON (RFC 8785) of what is asked for and by whom.
 *
 * Equal for requests that mean the same, whatever the order of their members. It is not the idempotency key: a key that
 * is derived from the content makes a deliberate repeat impossible.
 */
export const fingerprintOf = (
  request: { readonly method: string; readonly url: string; readonly scope: string; readonly body: unknown },
  digest: Runtime['sha256'],
): Promise<string> => {
  return digest(canonicalJson(request));
};

/** Returns the canonical JSON (RFC 8785) of a value that `JSON.parse` has returned. */
export const canonicalJson = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value);
  }
  return Array.isArray(value)
    ? `[${value.map(canonicalJson)}]`
    : `{${Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`)}}`;
};

/** Writes a value as JSON. @throws {TypeError} if JSON would change it silently into something else */
export const toJson = (value: unknown): string => {
  const text = JSON.stringify(value, (name, member) => {
    const kind = Object.prototype.toString.call(member).slice(8, -1);
    if (
      !/^(Null|Undefined|Object|Array|String|Number|Boolean)$/.test(kind) ||
      (typeof member === 'number' && !(Math.abs(member) <= Number.MAX_SAFE_INTEGER)) ||
      /\p{Surrogate}/u.test(typeof member === 'string' ? name + member : name)
    ) {
      throw new TypeError(`${kind} "${name}" has no JSON form`);
    }
    return member;
  }) as string | undefined;
  if (text === undefined) {
    throw new TypeError('the body has no JSON form');
  }
  return text;
};

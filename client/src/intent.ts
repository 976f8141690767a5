import canonicalize from 'canonicalize';

/** What to do, in the caller's terms. */
export interface IntentRequest {
  /** Defaults to `POST`. */
  readonly method?: string;
  /** Absolute, or relative to the page. */
  readonly url: string;
  /** Anything JSON can say; sent as `application/json`. */
  readonly body: unknown;
}

/**
 * One thing somebody wants done once.
 *
 * A plain value: it survives `structuredClone`, so it can be stored and sent to another tab. It is never changed;
 * sending one gives back its successor.
 */
export interface Intent {
  /** The idempotency key: a random UUID, made once and the same for every attempt. */
  readonly key: string;
  /** {@link fingerprintOf} of the request: notices that the same thing is being asked again, and nothing more. */
  readonly fingerprint: string;
  /** Whose intent it is. */
  readonly scope: string;
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** The exact bytes that every attempt sends. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** When the first byte may have left, in epoch milliseconds. Absent until the first send. */
  readonly firstSentAt?: number;
  /** When the server stops remembering the key, in epoch milliseconds. Absent until the server has said so. */
  readonly expiresAt?: number;
}

/**
 * Makes an intent of a request. Two calls with the same request are two intents: same fingerprint, different keys.
 *
 * @throws TypeError where the URL is malformed or the body has no JSON form
 */
export async function createIntent(request: IntentRequest, scope: string, key: string): Promise<Intent> {
  const method = (request.method ?? 'POST').toUpperCase();
  const url = new URL(request.url, globalThis.location?.href).href;
  const text = JSON.stringify(request.body) as string | undefined;
  if (text === undefined) {
    throw new TypeError('the body of an idempotent request must be a JSON value');
  }
  return {
    key,
    // The fingerprint is of what is sent, not of what was passed in: the two differ wherever JSON drops or converts a value.
    fingerprint: await fingerprintOf({ method, url, scope, body: JSON.parse(text) }),
    scope,
    method,
    url,
    body: new TextEncoder().encode(text),
  };
}

/**
 * When sending an intent stops being safe, in epoch milliseconds: the end of the window since the first send, or
 * earlier where the server has said so. `Infinity` for one that was never sent.
 */
export function windowEnd({ firstSentAt, expiresAt }: Intent, windowMs: number): number {
  return Math.min((firstSentAt ?? Infinity) + windowMs, expiresAt ?? Infinity);
}

/**
 * The SHA-256, in hex, over the canonical JSON (RFC 8785) of what is asked, by whom.
 *
 * Equal for requests that mean the same, whatever the order of their members. It is not the idempotency key: a key
 * derived from the content would make a deliberate repeat impossible.
 */
export async function fingerprintOf(request: {
  method: string;
  url: string;
  scope: string;
  body: unknown;
}): Promise<string> {
  const { method, url, scope, body } = request;
  const canonical = canonicalize({ method, url, scope, body }) ?? '';
  return sha256(canonical);
}

/** The SHA-256 of a text's UTF-8, in hex. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

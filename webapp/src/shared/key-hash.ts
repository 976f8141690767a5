import { sha256 } from 'idempotent-requests/sha256';

/**
 * What the server knows a key by, in this session: SHA-256, base64url, over scope and key, each preceded by its length in
 * bytes as a 64-bit big-endian integer. It is the part after the `#` of a record's id.
 */
export async function keyHash(scope: string, key: string): Promise<string> {
  const parts = [scope, key].map((part) => new TextEncoder().encode(part));
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + 8 + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setBigUint64(at, BigInt(part.length));
    bytes.set(part, at + 8);
    at += 8 + part.length;
  }
  const digest = (await sha256(bytes)).match(/../g) ?? [];
  return btoa(String.fromCharCode(...digest.map((byte) => Number.parseInt(byte, 16))))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

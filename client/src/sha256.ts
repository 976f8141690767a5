import { sha256 as digest } from '@noble/hashes/sha2.js';
import { hex } from './runtime.ts';

/**
 * The SHA-256 of bytes, or of a text's UTF-8, in lower-case hex, without Web Crypto. Pages on `http://` other than
 * localhost have none, nor has React Native: give it to `createClient` as `platform: { sha256 }`.
 */
export const sha256 = async (data: string | Uint8Array): Promise<string> => {
  return hex(digest(typeof data === 'string' ? new TextEncoder().encode(data) : data));
};

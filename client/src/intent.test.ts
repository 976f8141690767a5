import { describe, expect, it } from 'vitest';
import { createIntent as create, fingerprintOf as fingerprint, type IntentRequest } from './intent.ts';
import { runtime } from './runtime.ts';

const createIntent = (request: IntentRequest, scope: string, key: string) =>
  create(request, scope, { ...runtime, randomUUID: () => key });
const fingerprintOf = (request: Parameters<typeof fingerprint>[0]) => fingerprint(request, runtime.sha256);

const request = { method: 'POST', url: 'https://api.example/payments', body: { amount: 1250, currency: 'EUR' } };

describe('fingerprintOf', () => {
  const asked = { ...request, scope: 's-1' };

  it('is the SHA-256 of the canonical JSON', async () => {
    // printf '%s' '{"body":{"amount":1250,"currency":"EUR"},"method":"POST","scope":"s-1","url":"https://api.example/payments"}' | sha256sum
    await expect(fingerprintOf(asked)).resolves.toBe(
      '7e33a52b8e593338fa9ff764cd79e99d84d1db04477fecb553b5461f2a29153b',
    );
  });

  it('does not depend on the order of members', async () => {
    const turned = { ...asked, body: { currency: 'EUR', amount: 1250 } };
    expect(await fingerprintOf(turned)).toBe(await fingerprintOf(asked));
  });

  it.each([
    ['method', { method: 'PUT' }],
    ['url', { url: 'https://api.example/refunds' }],
    ['scope', { scope: 's-2' }],
    ['body', { body: { amount: 1251, currency: 'EUR' } }],
    ['type of a value', { body: { amount: '1250', currency: 'EUR' } }],
  ])('tells apart by %s', async (_, change) => {
    expect(await fingerprintOf({ ...asked, ...change })).not.toBe(await fingerprintOf(asked));
  });
});

describe('createIntent', () => {
  it('keeps key and fingerprint apart: the same request twice is two intents', async () => {
    const first = await createIntent(request, 's-1', 'key-1');
    const second = await createIntent(request, 's-1', 'key-2');
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(second.key).not.toBe(first.key);
  });

  it('holds the exact bytes to send, and has not been sent', async () => {
    const intent = await createIntent(request, 's-1', 'key-1');
    expect(new TextDecoder().decode(intent.body)).toBe('{"amount":1250,"currency":"EUR"}');
    expect(intent.firstSentAt).toBeUndefined();
  });

  it('fingerprints what is sent, not what was passed in', async () => {
    const sent = await createIntent({ ...request, body: { amount: null } }, 's-1', 'k');
    const passed = await createIntent({ ...request, body: { amount: null, note: undefined } }, 's-1', 'k');
    expect(passed.fingerprint).toBe(sent.fingerprint);
  });

  it('takes URLs relative to the page and POST unless told otherwise', async () => {
    const intent = await createIntent({ url: '/api/payments', body: null }, 's-1', 'k');
    expect(intent).toMatchObject({ method: 'POST', url: new URL('/api/payments', location.href).href });
  });

  it('survives a structured clone, and so any storage', async () => {
    const intent = await createIntent(request, 's-1', 'k');
    expect(structuredClone(intent)).toEqual(intent);
  });

  it.each([
    ['undefined', undefined],
    ['a function', () => {}],
  ])('refuses a body that JSON cannot say: %s', async (_, body) => {
    await expect(createIntent({ ...request, body }, 's-1', 'k')).rejects.toThrow(TypeError);
  });
});

import { describe, expect, it, vi } from 'vitest';
import { json, serve } from '../testing/network.ts';
import { loadConfig } from './config.ts';

const sameOrigin = { apiUrl: '/api', stage: '', demoFaults: false };
const base = 'https://site.example/';

describe('loadConfig', () => {
  it('reads config.json beside the page, wherever that is', async () => {
    const config = { apiUrl: 'https://api.example/api', stage: 'demo', demoFaults: true };
    serve({ 'GET /some/where/config.json': () => json(200, config) });
    await expect(loadConfig('https://site.example/some/where/?scenario=1')).resolves.toEqual(config);
  });

  it('drops a slash at the end of the URL', async () => {
    serve({ 'GET /config.json': () => json(200, { apiUrl: 'https://api.example/' }) });
    await expect(loadConfig(base)).resolves.toEqual({ ...sameOrigin, apiUrl: 'https://api.example' });
  });

  it.each([
    ['a missing file', () => new Response('not found', { status: 404 })],
    ['the HTML of a single-page fallback', () => new Response('<!doctype html>')],
    ['members of the wrong type', () => json(200, { apiUrl: 7, stage: [], demoFaults: 'yes' })],
    ['JSON that is no object', () => json(200, null)],
  ])('takes the same origin for %s', async (_, answer) => {
    serve({ 'GET /config.json': answer });
    await expect(loadConfig(base)).resolves.toEqual(sameOrigin);
  });

  it('waits for a late file, however long', async () => {
    vi.stubGlobal('fetch', async (_: URL, init?: RequestInit) => {
      expect(init?.signal ?? undefined).toBeUndefined();
      return json(200, { apiUrl: '/api', stage: 'late', demoFaults: true });
    });
    await expect(loadConfig(base)).resolves.toEqual({ apiUrl: '/api', stage: 'late', demoFaults: true });
  });

  it('takes the same origin where there is no network', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('offline')));
    await expect(loadConfig(base)).resolves.toEqual(sameOrigin);
  });
});

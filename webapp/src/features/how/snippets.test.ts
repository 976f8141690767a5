import { createBrowserStorage, createClient } from 'idempotent-requests';
import { expect, it } from 'vitest';
import { json, serve } from '../../testing/network.ts';
import { submitSnippet } from './snippets.ts';

it('the code for the browser does what it says: sent once', async () => {
  const requests = serve({ 'POST /api/payments': () => json(201, { id: 'p-1' }) });
  // The code as it stands on the page, in a function that returns what it declares.
  const run = new Function(
    'createClient',
    'createBrowserStorage',
    'user',
    `return (async () => { ${submitSnippet}\nreturn source; })()`,
  );
  const play = () => run(createClient, createBrowserStorage, { id: 'ada' });
  expect(await play()).toBe('executed');
  expect(requests[0]?.headers.get('Idempotency-Key')).toBeTruthy();
  expect(await requests[0]?.json()).toEqual({ amount: 1250, currency: 'EUR' });
});

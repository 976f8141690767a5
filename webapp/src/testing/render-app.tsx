import { render } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import type { ReactElement } from 'react';
import { Providers } from '../app/playground/providers.tsx';
import { type Api, createApi } from '../shared/api.ts';
import { ApiProvider } from '../shared/api-context.ts';
import { createRequests, RequestsProvider } from '../shared/requests.ts';
import { createSessionStore } from '../shared/session.ts';

/** The configuration of a page that is served by its own API's origin. */
export const testConfig = { apiUrl: '/api', stage: 'test', demoFaults: true };

/** Renders part of the page with all that it relies on, and a person in front of it. */
export function renderWithApi(element: ReactElement) {
  const sessions = createSessionStore();
  const api: Api = createApi(testConfig, sessions);
  render(
    <Providers dark={false}>
      <ApiProvider value={api}>
        <RequestsProvider value={createRequests(api, () => {})}>{element}</RequestsProvider>
      </ApiProvider>
    </Providers>,
  );
  return { person: userEvent.setup(), sessions };
}

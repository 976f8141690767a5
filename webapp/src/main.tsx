import './app/styles.ts';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app.tsx';
import { UpdateNotice } from './offline/update-notice.tsx';
import { loadConfig } from './shared/config.ts';
import { createSessionStore } from './shared/session.ts';

const config = await loadConfig();
const root = document.getElementById('root');
if (root === null) {
  throw new Error('index.html has no #root');
}
createRoot(root).render(
  <StrictMode>
    <App config={config} sessions={createSessionStore()} />
    {import.meta.env.PROD && <UpdateNotice />}
  </StrictMode>,
);

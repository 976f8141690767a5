import './app/tokens.css';
import './app/base.css';
import './app/shell.css';
import './app/play.css';
import './app/og.css';
import './stage/stage.css';
import './stage/stations.css';
import './stage/marks.css';
import './stage/player.css';
import './stage/narrow.css';
import './app/print.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app.tsx';
import { beSecondTab, secondTabOf } from './features/play/index.ts';
import { UpdateNotice } from './offline/update-notice.tsx';
import { followSystem } from './shared/color-scheme.ts';
import { loadConfig } from './shared/config.ts';
import { createSessionStore } from './shared/session.ts';

const root = document.getElementById('root');
if (root === null) {
  throw new Error('index.html has no #root');
}
followSystem();
const loading = loadConfig();
const config = () => loading;
const run = secondTabOf();
if (run !== undefined) {
  void loading.then((loaded) => beSecondTab(run, loaded));
}
createRoot(root).render(
  <StrictMode>
    <App config={config} sessions={createSessionStore()} />
    {import.meta.env.PROD && <UpdateNotice />}
  </StrictMode>,
);

import { useSyncExternalStore } from 'react';
import { documents } from '../shared/docs.ts';
import type { SessionStore } from '../shared/session.ts';

/** What this is, its documents, and whose session it is. */
export function Footer({ sessions }: { sessions: SessionStore }) {
  const { id } = useSyncExternalStore(sessions.subscribe, sessions.get);
  return (
    <footer className="foot" id="foot">
      <div className="foot-in">
        <p>
          <strong>Idempotent requests</strong>
          <br />A reference implementation for Go on AWS Lambda and DynamoDB. What is played here is sent to a real API;
          a recorded run says that it is one.
        </p>
        <nav aria-label="Documentation">
          {documents.map(({ name, href }) => (
            <a key={name} href={href}>
              {name}
            </a>
          ))}
        </nav>
        <p className="session">
          Session of the playground <code title={id}>{id.slice(0, 8)}</code>
        </p>
      </div>
    </footer>
  );
}

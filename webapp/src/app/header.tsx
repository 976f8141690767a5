import { Button, SegmentedControl, useMantineColorScheme, VisuallyHidden } from '@mantine/core';
import { type ReactNode, useSyncExternalStore } from 'react';
import { useApi } from '../shared/api-context.ts';
import { MoonIcon, ScreenIcon, SunIcon, UnpluggedIcon } from '../shared/icons.tsx';
import classes from './header.module.css';

/** What the page is, whose session it shows, and in which colours. */
export function Header({ onNewSession }: { onNewSession: () => void }) {
  const { sessionId } = useApi();
  return (
    <header className={classes.header}>
      <div className={classes.title}>
        <img src="./icon.svg" alt="" width="40" height="40" />
        <div>
          <h1>Send it twice. It happens once.</h1>
          <p>Idempotent requests, on AWS Lambda and DynamoDB</p>
        </div>
      </div>
      <div className={classes.tools}>
        <Connection />
        <span className={classes.session}>
          Session <code title={sessionId}>{sessionId.slice(0, 8)}</code>
        </span>
        <Button variant="default" size="compact-xs" onClick={onNewSession}>
          New session
        </Button>
        <ColorSchemeControl />
      </div>
    </header>
  );
}

/** Says so where there is no network. */
function Connection() {
  const { network } = useApi();
  const online = useSyncExternalStore(network.subscribe, network.online);
  return (
    <span className={classes.connection} data-online={online} role="status">
      {!online && (
        <>
          <UnpluggedIcon /> Offline
        </>
      )}
    </span>
  );
}

function ColorSchemeControl() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      size="xs"
      aria-label="Colour scheme"
      value={colorScheme}
      onChange={setColorScheme}
      transitionDuration={0}
      data={[
        { value: 'light', label: <Scheme name="Light" icon={<SunIcon />} /> },
        { value: 'auto', label: <Scheme name="Like the system" icon={<ScreenIcon />} /> },
        { value: 'dark', label: <Scheme name="Dark" icon={<MoonIcon />} /> },
      ]}
    />
  );
}

function Scheme({ name, icon }: { name: string; icon: ReactNode }) {
  return (
    <span className={classes.scheme} title={name}>
      {icon}
      <VisuallyHidden>{name}</VisuallyHidden>
    </span>
  );
}

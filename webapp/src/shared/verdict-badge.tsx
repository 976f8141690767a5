import type { ReactNode } from 'react';
import {
  BoltIcon,
  BoltsIcon,
  CrossIcon,
  DiskIcon,
  DotsIcon,
  ExpiredIcon,
  HourglassIcon,
  PauseIcon,
  QuestionIcon,
  ReplayIcon,
  StopIcon,
  UnequalIcon,
} from './icons.tsx';
import { type Verdict, verdictLabel } from './submission.ts';
import classes from './verdict-badge.module.css';

const icons: Readonly<Record<Verdict, ReactNode>> = {
  pending: <DotsIcon />,
  executed: <BoltIcon />,
  'executed-again': <BoltsIcon />,
  'server-replay': <ReplayIcon />,
  'client-cache': <DiskIcon />,
  queued: <PauseIcon />,
  'in-progress': <HourglassIcon />,
  mismatch: <UnequalIcon />,
  refused: <CrossIcon />,
  failed: <CrossIcon />,
  'no-answer': <QuestionIcon />,
  'not-sent': <StopIcon />,
  expired: <ExpiredIcon />,
};

/** The drawing that goes with a verdict. Its colour is the custom property `--tone` below `data-verdict`, in theme.css. */
export function VerdictIcon({ verdict }: { verdict: Verdict }) {
  return icons[verdict];
}

/** A verdict as a word, a drawing and a colour, of which any one would do. */
export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  return (
    <span className={classes.badge} data-verdict={verdict}>
      <VerdictIcon verdict={verdict} />
      {verdictLabel(verdict)}
    </span>
  );
}

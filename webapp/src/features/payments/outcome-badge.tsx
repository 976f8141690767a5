import type { ReactNode } from 'react';
import { BoltIcon, CrossIcon, DotsIcon, QuestionIcon, ReplayIcon } from '../../shared/icons.tsx';
import classes from './outcome-badge.module.css';
import { type Outcome, outcomeLabel } from './submission.ts';

/** What became of a submission: a word, a drawing and a colour, of which any one would do. */
export function OutcomeBadge({ outcome }: { outcome: Outcome | undefined }) {
  const [tone, icon] = look(outcome);
  return (
    <span className={classes.badge} data-tone={tone}>
      {icon}
      {outcome === undefined ? 'Sending' : outcomeLabel(outcome)}
    </span>
  );
}

function look(outcome: Outcome | undefined): [tone: string, icon: ReactNode] {
  switch (outcome?.kind) {
    case undefined:
      return ['pending', <DotsIcon key="icon" />];
    case 'paid':
      return outcome.source === 'server-replay'
        ? ['replay', <ReplayIcon key="icon" />]
        : ['executed', <BoltIcon key="icon" />];
    case 'refused':
      return ['refused', <CrossIcon key="icon" />];
    default:
      return ['unknown', <QuestionIcon key="icon" />];
  }
}

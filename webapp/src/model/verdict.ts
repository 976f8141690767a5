/** What became of a request, in one word. */
export const verdicts = [
  'executed',
  'executed-again',
  'reconciled',
  'server-replay',
  'client-cache',
  'queued',
  'waiting',
  'in-progress',
  'mismatch',
  'no-answer',
  'expired',
  'refused',
  'failed',
] as const;

/** What became of a request, in one word. */
export type Verdict = (typeof verdicts)[number];

const labels: Readonly<Record<Verdict, string>> = {
  executed: 'Executed',
  'executed-again': 'Executed again',
  reconciled: 'Found and completed',
  'server-replay': 'Server replay',
  'client-cache': 'From the client',
  queued: 'Queued',
  waiting: 'Waits for another tab',
  'in-progress': 'In progress',
  mismatch: 'Other payload',
  'no-answer': 'No answer',
  expired: 'Asks a person',
  refused: 'Refused',
  failed: 'Not reached',
};

/** The verdict as people read it. */
export function labelOf(verdict: Verdict): string {
  return labels[verdict];
}

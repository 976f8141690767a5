import type { Sighting } from '../../model/sightings.ts';
import type { Attempt, Submission } from '../../shared/submission.ts';

/** What a press and its requests look like from this browser. Times are milliseconds since the press. */
export function sightingsOf(submission: Submission): readonly Sighting[] {
  const { startedAt, attempts, settlement, key, keyHash, operation, repeats } = submission;
  const { amount, currency } = (submission.body ?? {}) as { readonly amount?: unknown; readonly currency?: unknown };
  const t = (epoch: number) => Math.max(0, epoch - startedAt);
  const left = attempts.filter(({ verdict }) => verdict !== 'not-sent');
  const seen: Sighting[] = [{ kind: 'pressed', t: 0, from: 'page', req: 1, why: 'click' }];
  for (const [i, attempt] of left.entries()) {
    const req = i + 1;
    seen.push({
      kind: 'sent',
      t: t(attempt.startedAt),
      req,
      why: i > 0 ? 'retry' : repeats ? 'click' : 'first',
      operation: key === undefined ? `unprotected-${operation}` : operation,
      ...(key !== undefined && { key }),
      ...(keyHash !== undefined && { keyHash }),
      ...(typeof amount === 'number' && { amount }),
      ...(typeof currency === 'string' && { currency }),
    });
    if (attempt.endedAt !== undefined) {
      seen.push({
        kind: 'answered',
        t: t(attempt.endedAt),
        req,
        ...answerOf(attempt, i === left.length - 1 ? submission : undefined),
      });
    }
  }
  const outcome = settlement?.outcome;
  const end = Math.max(0, settlement?.latencyMs ?? 0);
  if (outcome?.kind === 'done' && outcome.source === 'client-cache') {
    seen.push({ kind: 'cached', t: end, from: 'client', req: 1 });
  } else if (outcome?.kind === 'queued' || outcome?.kind === 'expired') {
    seen.push({
      kind: outcome.kind,
      t: end,
      from: 'client',
      req: Math.max(1, left.length),
      ...(key !== undefined && { key: key.slice(0, 4) }),
    });
  }
  return seen;
}

function answerOf({ verdict, status }: Attempt, last: Submission | undefined) {
  const outcome = last?.settlement?.outcome;
  const problem = outcome?.kind === 'refused' ? outcome.problem : undefined;
  return {
    ...(status !== undefined && { status }),
    ...(verdict === 'server-replay' && { replayed: true }),
    ...(outcome?.kind === 'done' && outcome.resource !== undefined && { resource: outcome.resource }),
    ...(problem !== undefined && { type: problem.type, title: problem.title }),
    ...(problem === undefined && verdict === 'in-progress' && { type: '#in-progress' }),
  };
}

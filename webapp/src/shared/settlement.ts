import {
  type Outcome as ClientOutcome,
  NetworkError,
  ProblemError,
  readProblem,
  SendError,
  type StoredEntry,
  WindowPassedError,
} from 'idempotent-requests';
import type { Outcome, Settlement } from './submission.ts';

/** What the client's promise came to. */
export function ofOutcome(outcome: ClientOutcome): Settlement {
  const { attempts, latencyMs } = outcome;
  if (outcome.source === 'queued') {
    return { outcome: { kind: 'queued', message: outcome.cause?.message ?? unreached }, attempts, latencyMs };
  }
  return { outcome: done(outcome.source, outcome.status, outcome.body), attempts, latencyMs };
}

/** Why the client's promise was broken. */
export function ofError(error: unknown): Settlement {
  if (!(error instanceof SendError)) {
    return { outcome: { kind: 'unsent', message: messageOf(error) }, attempts: 0, latencyMs: 0 };
  }
  const { attempts, latencyMs, message } = error;
  if (error instanceof ProblemError) {
    return { outcome: { kind: 'refused', source: error.source, problem: error.problem }, attempts, latencyMs };
  }
  return {
    outcome:
      error instanceof WindowPassedError
        ? { kind: 'expired', message }
        : { kind: error instanceof NetworkError ? 'unanswered' : 'unsent', message },
    attempts,
    latencyMs,
  };
}

/** What the client has written down of an intent. @param startedAt when it was submitted, epoch milliseconds */
export function ofEntry(entry: StoredEntry, startedAt: number): Settlement {
  const { state, response, attempts, updatedAt } = entry;
  return { outcome: outcomeOf(), attempts, latencyMs: Math.max(0, updatedAt - startedAt) };

  function outcomeOf(): Outcome {
    if (state === 'succeeded' && response) {
      return done(response.source, response.status, response.body);
    }
    if (state === 'failed' && response) {
      return { kind: 'refused', source: response.source, problem: readProblem(response) };
    }
    return state === 'expired'
      ? {
          kind: 'expired',
          message: 'its window passed before an answer came: whether it was done, a person has to find out',
        }
      : { kind: 'queued', message: unreached };
  }
}

/** What a plain answer says. */
export async function ofResponse(response: Response): Promise<Outcome> {
  const { ok, status, headers } = response;
  const body = new Uint8Array(await response.arrayBuffer());
  return ok
    ? done('executed', status, body)
    : { kind: 'refused', source: 'executed', problem: readProblem({ status, headers, body }) };
}

const unreached = 'nobody was reached: it is written down, and will be sent later';

function done(source: (Outcome & { kind: 'done' })['source'], status: number, body: Uint8Array): Outcome {
  try {
    const { id } = JSON.parse(new TextDecoder().decode(body)) as { id?: unknown };
    return { kind: 'done', source, status, ...(typeof id === 'string' && { resource: id }) };
  } catch {
    return { kind: 'unanswered', message: `the answer, with status ${status}, is no JSON` };
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

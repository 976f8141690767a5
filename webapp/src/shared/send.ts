import {
  type Intent,
  NetworkError,
  ProblemError,
  type RetryPolicy,
  readProblem,
  SendError,
  type Source,
} from '../idempotency/index.ts';
import type { Api, Conduct } from './api.ts';
import { pathOf } from './operation.ts';
import type { Operation, Outcome, Settlement, Submission } from './submission.ts';
import type { SubmissionLog } from './submission-log.ts';

/** What to submit, and how. */
export interface Sending {
  readonly operation: Operation;
  readonly body: unknown;
  /** False for the unprotected endpoint, which only payments have. */
  readonly guarded: boolean;
  /** An intent to send again; absent for a new one. */
  readonly intent?: Intent | undefined;
  readonly repeats?: boolean;
  /** The scenario's run that it belongs to. */
  readonly run?: string | undefined;
  /** A `Demo-Fault` for the first request. */
  readonly fault?: string | undefined;
  /** Without a key only `maxAttempts` counts, and is 1 unless given: nothing else is safe. */
  readonly retry?: Partial<RetryPolicy> | undefined;
}

/** A submission that has ended, and its intent as it is now. */
export interface Sent {
  readonly submission: Submission;
  /** Absent without a key. */
  readonly intent?: Intent;
}

/** Sends and writes down what happens while it does. Never rejects: every way to fail is an outcome. */
export async function send(api: Api, log: SubmissionLog, sending: Sending): Promise<Sent> {
  const { operation, body, guarded, repeats = false, run } = sending;
  const path = pathOf(operation);
  let intent = sending.intent;
  let failure: unknown;
  if (guarded && intent === undefined) {
    try {
      intent = await api.idempotent().prepare({ url: api.url(path), body });
    } catch (error) {
      failure = error;
    }
  }

  const { id } = log.add({
    id: crypto.randomUUID(),
    operation,
    url: api.url(guarded ? path : `/unprotected${path}`),
    body,
    ...(intent && { key: intent.key }),
    repeats,
    ...(run && { run }),
    startedAt: performance.timeOrigin + performance.now(),
    attempts: [],
  });
  const conduct: Conduct = {
    fault: sending.fault,
    retry: sending.retry,
    watch: (started) => {
      let shown = started;
      log.update(id, ({ attempts }) => ({ attempts: [...attempts, started] }));
      return (ended) => {
        log.update(id, ({ attempts }) => ({ attempts: attempts.map((one) => (one === shown ? ended : one)) }));
        shown = ended;
      };
    },
  };

  let settlement: Settlement;
  if (intent !== undefined) {
    ({ settlement, intent } = await sendGuarded(api, intent, conduct));
  } else if (guarded) {
    settlement = unsent(failure);
  } else {
    settlement = await sendUnprotected(api, `/unprotected${path}`, body, conduct);
  }

  let submission: Submission | undefined;
  log.update(id, (one) => {
    submission = { ...one, settlement };
    return { settlement };
  });
  if (submission === undefined) {
    throw new Error('a submission under way is never forgotten');
  }
  return { submission, ...(intent && { intent }) };
}

async function sendGuarded(
  api: Api,
  intent: Intent,
  conduct: Conduct,
): Promise<{ settlement: Settlement; intent: Intent }> {
  try {
    const result = await api.idempotent(conduct).send(intent);
    const { attempts, latencyMs, source, status, body } = result;
    return { settlement: { outcome: done(source, status, body), attempts, latencyMs }, intent: result.intent };
  } catch (error) {
    if (!(error instanceof SendError)) {
      return { settlement: unsent(error), intent };
    }
    const { attempts, latencyMs } = error;
    return { settlement: { outcome: failed(error), attempts, latencyMs }, intent: error.intent };
  }
}

async function sendUnprotected(api: Api, path: string, body: unknown, conduct: Conduct): Promise<Settlement> {
  const startedAt = Date.now();
  const attempts = conduct.retry?.maxAttempts ?? 1;
  const request = api.unprotected(path, body, conduct);
  for (let attempt = 1; ; attempt++) {
    const outcome = await sendOnce(request);
    if (attempt >= attempts || outcome.kind === 'done') {
      return { outcome, attempts: attempt, latencyMs: Date.now() - startedAt };
    }
  }
}

async function sendOnce(request: () => Promise<Response>): Promise<Outcome> {
  try {
    const response = await request();
    const { ok, status, headers } = response;
    const body = new Uint8Array(await response.arrayBuffer());
    return ok
      ? done('executed', status, body)
      : { kind: 'refused', source: 'executed', problem: readProblem(status, headers.get('Content-Type'), body) };
  } catch (error) {
    return { kind: 'unanswered', message: messageOf(error) };
  }
}

/** What becomes of a submission that never left. */
function unsent(error: unknown): Settlement {
  return { outcome: { kind: 'unsent', message: messageOf(error) }, attempts: 0, latencyMs: 0 };
}

function done(source: Source, status: number, body: Uint8Array): Outcome {
  try {
    const { id } = JSON.parse(new TextDecoder().decode(body)) as { id?: unknown };
    return { kind: 'done', source, status, ...(typeof id === 'string' && { resource: id }) };
  } catch {
    return { kind: 'unanswered', message: `the answer, with status ${status}, is no JSON` };
  }
}

function failed(error: SendError): Outcome {
  if (error instanceof ProblemError) {
    return { kind: 'refused', source: error.source, problem: error.problem };
  }
  return { kind: error instanceof NetworkError ? 'unanswered' : 'unsent', message: error.message };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import {
  type Intent,
  NetworkError,
  ProblemError,
  readProblem,
  SendError,
  type Source,
} from '../../idempotency/index.ts';
import type { Api } from '../../shared/api.ts';
import type { PaymentRequest } from './payment.ts';
import type { Outcome, Settlement } from './submission.ts';

/** Sends an intent to the guarded endpoint. Never rejects: every way to fail is an outcome. */
export async function sendGuarded(api: Api, intent: Intent): Promise<Settlement & { intent: Intent }> {
  try {
    const result = await api.idempotent.send(intent);
    const { attempts, latencyMs } = result;
    return { outcome: paid(result.source, result.status, result.body), attempts, latencyMs, intent: result.intent };
  } catch (error) {
    if (!(error instanceof SendError)) {
      return { ...unsent(error), intent };
    }
    const { attempts, latencyMs } = error;
    return { outcome: failed(error), attempts, latencyMs, intent: error.intent };
  }
}

/** Sends a body to the unprotected twin, once. Never rejects. */
export async function sendUnprotected(api: Api, payment: PaymentRequest): Promise<Settlement> {
  const startedAt = Date.now();
  const settle = (outcome: Outcome) => ({ outcome, attempts: 1, latencyMs: Date.now() - startedAt });
  try {
    const bytes = new TextEncoder().encode(JSON.stringify(payment));
    const response = await api.postUnprotected('/unprotected/payments', bytes);
    const { ok, status, headers } = response;
    const body = new Uint8Array(await response.arrayBuffer());
    if (ok) {
      return settle(paid('executed', status, body));
    }
    const problem = readProblem(status, headers.get('Content-Type'), body);
    return settle({ kind: 'refused', source: 'executed', problem });
  } catch (error) {
    return settle({ kind: 'unanswered', message: messageOf(error) });
  }
}

/** What becomes of a submission that never left. */
export function unsent(error: unknown): Settlement {
  return { outcome: { kind: 'unsent', message: messageOf(error) }, attempts: 0, latencyMs: 0 };
}

function paid(source: Source, status: number, body: Uint8Array): Outcome {
  try {
    return { kind: 'paid', source, status, payment: JSON.parse(new TextDecoder().decode(body)) };
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

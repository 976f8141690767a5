import type { Call, Effect, Evidence, Execution } from '../../model/fit.ts';
import type { RecordReading } from '../../model/sightings.ts';
import type { Operation } from '../../shared/submission.ts';

/** How long to wait for the API's reports, in milliseconds. */
const patience = 5_000;

/** What the API says about one session. */
export interface Reports {
  /** Its runs, effects and calls. Undefined if they can't be read, or are more than is listed. */
  readonly evidence: () => Promise<Evidence | undefined>;
  /**
   * The record of a key. Undefined if it can't be read now.
   *
   * @param t when it is read, in milliseconds since the lane's first press
   */
  readonly record: (operation: Operation, key: string, t: number) => Promise<RecordReading | undefined>;
}

/** @param url makes an address of a path of the API @param scope the headers that name the session */
export function createReports(url: (path: string) => string, scope: Readonly<Record<string, string>>): Reports {
  const get = (path: string): Promise<Response> =>
    fetch(url(path), { headers: scope, cache: 'no-store', signal: AbortSignal.timeout(patience) });
  return {
    evidence: async () => {
      try {
        const [activity, calls] = await Promise.all([get('/executions'), get('/calls')]);
        if (!activity.ok) {
          return undefined;
        }
        const read = (await activity.json()) as Reported;
        const listed = calls.ok ? ((await calls.json()) as { calls?: readonly Call[] }).calls : undefined;
        return read.truncated === true || !Array.isArray(read.executions) || !Array.isArray(read.effects)
          ? undefined
          : { executions: read.executions, effects: read.effects, calls: Array.isArray(listed) ? listed : [] };
      } catch {
        return undefined;
      }
    },
    record: async (operation, key, t) => {
      try {
        const response = await get(`/idempotency-records/${operation}/${encodeURIComponent(key)}`);
        if (response.status === 404) {
          return { kind: 'record', t, status: 'gone' };
        }
        return response.ok ? readingOf((await response.json()) as RecordAnswer, t) : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

interface Reported {
  readonly executions?: readonly Execution[];
  readonly effects?: readonly Effect[];
  readonly truncated?: boolean;
}

interface RecordAnswer {
  readonly status?: string;
  readonly owner?: string;
  readonly fingerprint?: string;
  readonly leaseExpiresAt?: string;
  readonly expiresAt?: string;
  readonly size?: number;
}

function readingOf(
  { status, owner, fingerprint, leaseExpiresAt, expiresAt, size }: RecordAnswer,
  t: number,
): RecordReading | undefined {
  return status !== 'INPROGRESS' && status !== 'COMPLETED'
    ? undefined
    : {
        kind: 'record',
        t,
        status,
        ...(owner !== undefined && { owner }),
        ...(fingerprint !== undefined && { fingerprint }),
        ...(leaseExpiresAt !== undefined && { leaseUntil: Date.parse(leaseExpiresAt) }),
        ...(expiresAt !== undefined && { expiresAt: Date.parse(expiresAt) }),
        ...(status === 'COMPLETED' && size !== undefined && { size }),
      };
}

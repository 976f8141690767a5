import type { Fact, Lane } from '../../model/facts.ts';
import type { Verdict } from '../../model/verdict.ts';

/** One request of a lane, as its facts have it. */
export interface RequestRow {
  readonly lane: number;
  readonly req: number;
  readonly from: number;
  /** When it ended; absent while it is under way. */
  readonly to?: number;
  readonly source?: Verdict;
  readonly status?: number;
  readonly key?: string;
  /** When it was stopped at the record, and when it was told what it waited for. */
  readonly held?: { readonly from: number; readonly to: number };
  readonly charged?: number;
}

/** Everything in a lane that was sent, or that waited in the client. */
export function requestsOfLane({ facts }: Lane, lane: number): readonly RequestRow[] {
  const byRequest = new Map<number, Fact[]>();
  for (const fact of facts) {
    if (fact.req !== undefined) {
      const own = byRequest.get(fact.req);
      if (own === undefined) {
        byRequest.set(fact.req, [fact]);
      } else {
        own.push(fact);
      }
    }
  }
  return [...byRequest].sort(([a], [b]) => a - b).flatMap(([req, own]) => rowOf(lane, req, own));
}

function rowOf(lane: number, req: number, own: readonly Fact[]): readonly RequestRow[] {
  const find = (...kinds: readonly Fact['kind'][]) => own.find(({ kind }) => kinds.includes(kind));
  const begin = find('sent', 'queued', 'joined', 'cached', 'written');
  if (begin === undefined) {
    return [];
  }
  const end = own.findLast(({ kind }) => ['answered', 'shared', 'cached', 'expired'].includes(kind));
  const held = find('held');
  const released = held && own.find(({ kind, t }) => t >= held.t && (kind === 'replayed' || kind === 'refused'));
  const source: Verdict | undefined =
    end?.kind === 'answered'
      ? end.source
      : end?.kind === 'expired'
        ? 'expired'
        : end !== undefined
          ? 'client-cache'
          : begin.kind === 'sent'
            ? undefined
            : begin.kind === 'joined'
              ? 'waiting'
              : 'queued';
  const charged = find('charged')?.t;
  const key = own.find((fact) => fact.key !== undefined)?.key;
  return [
    {
      lane,
      req,
      from: begin.t,
      ...(end !== undefined && { to: end.t }),
      ...(source !== undefined && { source }),
      ...(end?.status !== undefined && { status: end.status }),
      ...(key !== undefined && { key }),
      ...(held !== undefined && released !== undefined && { held: { from: held.t, to: released.t } }),
      ...(charged !== undefined && { charged }),
    },
  ];
}

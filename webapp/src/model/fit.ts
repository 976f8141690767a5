import type { Cost } from './facts.ts';
import type { Request } from './sightings.ts';

/** One run of a handler, as the API reports it. */
export interface Execution {
  readonly operation: string;
  readonly keyHash?: string;
  /** The steps that it began itself, of an operation that has any. */
  readonly steps?: readonly { readonly name: string }[];
  readonly at: string;
}

/** One thing done to the world, as the API reports it. */
export interface Effect {
  /** `charge`, `receipt`, … */
  readonly kind?: string;
  readonly operation: string;
  readonly resource: string;
  readonly detail: { readonly amount?: number; readonly currency?: string };
  readonly at: string;
}

/** One call of an idempotent operation, as the function that ran it wrote it down. */
export interface Call {
  readonly operation: string;
  readonly keyHash: string;
  /** `executed`, `replayed`, `in_progress`, `payload_mismatch`, … */
  readonly outcome: string;
  readonly cost: Cost;
  readonly durationMs: number;
  /** When it ended, by the server's clock. */
  readonly at: string;
}

/** What the API says about a session. */
export interface Evidence {
  readonly executions: readonly Execution[];
  readonly effects: readonly Effect[];
  readonly calls: readonly Call[];
}

/** How the server's clock and the browser's fit together. */
export interface Offset {
  /** What to add to the server's time to have the browser's, in milliseconds. */
  readonly ms: number;
  /** Whether that agrees with everything that is known. */
  readonly fits: boolean;
  /** Each request's call, as far as one was written down. */
  readonly calls: ReadonlyMap<Request, Call>;
  /** A server's moment in milliseconds since the lane's first press. */
  readonly timeOf: (one: { readonly at: string }) => number;
}

/** The server's times are whole milliseconds: on average they are half a one later than they say. */
const rounding = 0.5;
/** So much may be missing, because of that, before times count as contradictory. */
const tolerance = 2;

/** Finds each request's call, and from their times how the two clocks fit. */
export function fit(requests: readonly Request[], { calls, effects, executions }: Evidence, startedAt: number): Offset {
  const lane = (at: string) => Date.parse(at) + rounding - startedAt;
  const found = new Map<Request, Call>();
  const free = new Set([...calls].sort((a, b) => Date.parse(a.at) - Date.parse(b.at)));
  const guess = firstGuess(requests, calls, effects, lane);
  const conclusive = requests
    .filter((request) => outcomeOf(request) !== undefined)
    .sort((a, b) => (a.answer?.t ?? Infinity) - (b.answer?.t ?? Infinity));
  const alike = (request: Request) => (one: Call) =>
    one.outcome === outcomeOf(request) && one.keyHash === request.sent.keyHash;
  for (const request of conclusive) {
    const candidates = [...free].filter(alike(request));
    const rivals = conclusive.filter(
      (one) => !found.has(one) && one.sent.keyHash === request.sent.keyHash && outcomeOf(one) === outcomeOf(request),
    );
    // As many as there are requests: in their order. More: some belong to requests that never heard their end.
    const distance = (one: Call) => Math.abs(lane(one.at) + guess - (request.answer?.t ?? 0));
    const call =
      candidates.length <= rivals.length ? candidates[0] : candidates.sort((a, b) => distance(a) - distance(b))[0];
    if (call !== undefined) {
      free.delete(call);
      found.set(request, call);
    }
  }
  const bounds: { readonly low: number; readonly high: number }[] = [];
  const bound = ({ sent, answer }: Request, start: number, end: number) => {
    if (answer !== undefined) {
      bounds.push({ low: sent.t - start, high: answer.t - end });
    }
  };
  for (const [request, call] of found) {
    bound(request, lane(call.at) - call.durationMs, lane(call.at));
  }
  for (const request of requests) {
    const { answer } = request;
    const effect =
      answer?.replayed === true || found.has(request)
        ? undefined
        : effects.find((one) => one.resource === answer?.resource);
    if (effect !== undefined) {
      bound(request, lane(effect.at), lane(effect.at));
    }
  }
  const low = Math.max(...bounds.map((one) => one.low));
  const high = Math.min(...bounds.map((one) => one.high));
  const middles = bounds.map((one) => (one.low + one.high) / 2).sort((a, b) => a - b);
  const fits = bounds.length === 0 || low <= high + tolerance;
  const events = [...executions, ...effects];
  // Nothing that is known for sure bounds it: then what came last is taken to be what the last answer was about.
  const guessed =
    lastOf(requests.flatMap(({ answer }) => answer?.t ?? [])) - lastOf([...events, ...calls].map(({ at }) => lane(at)));
  const ms = fits
    ? likeliest(low, high, Number.isFinite(guessed) ? [guessed] : [], requests, events, lane)
    : (middles[middles.length >> 1] ?? 0);
  const timeOf = ({ at }: { readonly at: string }) => lane(at) + ms;

  // What is left belongs to requests that never heard how they ended.
  for (const request of requests) {
    if (found.has(request) || request.sent.keyHash === undefined || outcomeOf(request) !== undefined) {
      continue;
    }
    const own = [...free].filter(({ keyHash }) => keyHash === request.sent.keyHash);
    const call = own.find(
      (one) =>
        timeOf(one) - one.durationMs >= request.sent.t - tolerance &&
        timeOf(one) <= (request.answer?.t ?? Infinity) + tolerance,
    );
    if (call !== undefined) {
      free.delete(call);
      found.set(request, call);
    }
  }
  return { ms, fits: fits && (bounds.length > 0 || ms === 0), calls: found, timeOf };
}

/**
 * Of all offsets that the times of conclusive requests allow, the one that most of what happened agrees with: every run
 * and every effect lies within a request. Clocks that agree with each other come first, then the middle.
 *
 * @param guesses what to try where no request is conclusive
 */
function likeliest(
  low: number,
  high: number,
  guesses: readonly number[],
  requests: readonly Request[],
  events: readonly (Execution | Effect)[],
  lane: (at: string) => number,
): number {
  const bounded = Number.isFinite(low) && Number.isFinite(high);
  const parts = [0.5, 0.25, 0.75, 0, 1].map((part) => low + (high - low) * part);
  const allowed = !bounded ? [0, ...guesses] : low <= 0 && high >= 0 ? [0, ...parts] : parts;
  const agreeing = (ms: number) =>
    events.filter((event) =>
      requests.some(
        ({ sent, answer }) =>
          sent.operation === event.operation &&
          lane(event.at) + ms >= sent.t - tolerance &&
          lane(event.at) + ms <= (answer?.t ?? Infinity) + tolerance,
      ),
    ).length;
  return allowed.reduce((best, ms) => (agreeing(ms) > agreeing(best) ? ms : best));
}

function lastOf(moments: readonly number[]): number {
  return moments.length === 0 ? Number.NaN : Math.max(...moments);
}

/** How far the clocks are apart, roughly: by an effect whose request is known, or by what was last. */
function firstGuess(
  requests: readonly Request[],
  calls: readonly Call[],
  effects: readonly Effect[],
  lane: (at: string) => number,
): number {
  for (const { answer } of requests) {
    const effect =
      answer?.replayed === true ? undefined : effects.find(({ resource }) => resource === answer?.resource);
    if (effect !== undefined && answer !== undefined) {
      return answer.t - lane(effect.at);
    }
  }
  const answers = requests.flatMap(({ answer }) => (answer?.status === undefined ? [] : answer.t));
  return answers.length === 0 || calls.length === 0
    ? 0
    : Math.max(...answers) - Math.max(...calls.map(({ at }) => lane(at)));
}

/** The server's word for how a request ended, if its response says so. */
function outcomeOf({ sent, answer }: Request): string | undefined {
  if (sent.keyHash === undefined || answer?.status === undefined || answer.status >= 500) {
    return undefined;
  }
  if (answer.replayed === true) {
    return 'replayed';
  }
  if (answer.status < 300) {
    return 'executed';
  }
  return answer.type?.endsWith('#in-progress')
    ? 'in_progress'
    : answer.type?.endsWith('#payload-mismatch')
      ? 'payload_mismatch'
      : undefined;
}

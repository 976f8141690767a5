import { type Cost, type Fact, type From, inOrder, kinds, type Lane, type Report, type Run, reasons } from './facts.ts';
import { scenarios } from './scenarios.ts';
import { verdicts } from './verdict.ts';

/** A link may carry so many characters of a run, and so many facts. */
export const limits = { characters: 8_192, bytes: 65_536, facts: 600, count: 200, requests: 1_000 } as const;

/** What the numbers in a link mean has changed since version 1. */
const version = 2;

const froms: readonly From[] = ['client', 'server', 'page'];
const troubles = ['interrupted', 'popup-blocked', 'timed-out'] as const;
const places = ['api', 'function', 'record', 'faults'] as const;
const memories = ['record', 'memory'] as const;

/** A run as a text for an address. It holds no session, no whole key, no header, no body and no words of the API. */
export async function encode(run: Run): Promise<string> {
  const lanes = run.lanes.map((lane) => [
    lane.keyed ? 1 : 0,
    lane.ended ? 1 : 0,
    lane.fitted === false ? 0 : 1,
    lane.trouble === undefined ? -1 : troubles.indexOf(lane.trouble),
    packReport(lane.report),
    lane.facts.map(pack),
  ]);
  const text = JSON.stringify([version, run.scenario, run.count, Math.floor(run.at / 60_000), lanes]);
  const packed = await through(new TextEncoder().encode(text), new CompressionStream('deflate-raw'));
  return btoa(String.fromCharCode(...packed))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** Reads what {@link encode} has made. Undefined for anything else: a link is a stranger's word. */
export async function decode(text: string): Promise<Run | undefined> {
  if (text.length > limits.characters || !/^[A-Za-z0-9_-]+$/.test(text)) {
    return undefined;
  }
  try {
    const packed = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    const bytes = await through(packed, new DecompressionStream('deflate-raw'));
    return readRun(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}

/** Pipes bytes through a (de)compression. @throws RangeError if more comes out than a run can be */
async function through(bytes: Uint8Array<ArrayBuffer>, stream: ReadableWritablePair): Promise<Uint8Array> {
  const reader = new Blob([bytes]).stream().pipeThrough<Uint8Array>(stream).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > limits.bytes) {
      await reader.cancel();
      throw new RangeError('too large');
    }
    chunks.push(part.value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function packReport(report: Report | undefined): unknown {
  if (report === undefined) {
    return 0;
  }
  return report.kind === 'unreadable' ? 1 : [report.executions, report.effects, report.agrees ? 1 : 0, report.told];
}

/** The members of a fact that a link carries, besides `t`, `kind`, `from` and `req`; and how each is read. */
const members = {
  why: oneOf(reasons),
  key: (value: unknown) => (typeof value === 'string' && /^[\w-]{1,4}$/.test(value) ? value : undefined),
  amount: natural(1e12),
  currency: (value: unknown) => (typeof value === 'string' && /^[A-Z]{3}$/.test(value) ? value : undefined),
  receipt: flag,
  atomic: flag,
  leaseMs: natural(1e9),
  bytes: natural(1e9),
  by: oneOf(memories),
  same: flag,
  status: natural(599),
  retryAfter: natural(1e6),
  at: oneOf(places),
  source: oneOf(verdicts),
  dies: (value: unknown) =>
    Array.isArray(value) &&
    value.length <= limits.count &&
    value.every((one) => natural(limits.requests)(one) !== undefined)
      ? (value as number[])
      : undefined,
  windowMs: natural(1e9),
  cost: (value: unknown) => {
    const { roundTrips, readUnits, writeUnits } = Object(value) as Partial<Cost>;
    const whole = natural(1e6)(roundTrips);
    return whole !== undefined && isUnits(readUnits) && isUnits(writeUnits)
      ? { roundTrips: whole, readUnits, writeUnits }
      : undefined;
  },
} satisfies Partial<Record<keyof Fact, (value: unknown) => unknown>>;

const names = Object.keys(members) as (keyof typeof members)[];

function oneOf<const T extends string>(words: readonly T[]) {
  return (value: unknown): T | undefined => words.find((word) => word === value);
}

function natural(most: number) {
  return (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most ? value : undefined;
}

function isUnits(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1e6;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function pack(fact: Fact): unknown {
  const rest = names.flatMap((name, i) => (fact[name] === undefined ? [] : [i, fact[name]]));
  return [Math.round(fact.t * 10), kinds.indexOf(fact.kind), froms.indexOf(fact.from), fact.req ?? 0, ...rest];
}

function readFact(value: unknown): Fact {
  if (!Array.isArray(value) || value.length % 2 !== 0) {
    throw new TypeError('not a fact');
  }
  const [t, kind, from, req, ...rest] = value as unknown[];
  const fact = {
    t: need(natural(1e9)(t)) / 10,
    kind: need(kinds[need(natural(kinds.length)(kind))]),
    from: need(froms[need(natural(froms.length)(from))]),
    ...(req === 0 ? {} : { req: need(natural(limits.requests)(req)) }),
  };
  const more: Record<string, unknown> = {};
  for (let i = 0; i < rest.length; i += 2) {
    const name = need(names[need(natural(names.length)(rest[i]))]);
    more[name] = need<unknown>(members[name](rest[i + 1]));
  }
  return { ...fact, ...more };
}

function readLane(value: unknown): Lane {
  const [keyed, ended, fitted, trouble, report, facts] = need(Array.isArray(value) ? (value as unknown[]) : undefined);
  if (!Array.isArray(facts) || facts.length > limits.facts) {
    throw new TypeError('not facts');
  }
  const stumbled = trouble === -1 ? undefined : need(troubles[need(natural(troubles.length)(trouble))]);
  return {
    keyed: need(natural(1)(keyed)) === 1,
    facts: inOrder(facts.map(readFact)),
    ended: need(natural(1)(ended)) === 1,
    ...(need(natural(1)(fitted)) === 0 && { fitted: false }),
    ...(stumbled && { trouble: stumbled }),
    ...(report === 0 ? {} : { report: readReport(report) }),
  };
}

function readReport(value: unknown): Report {
  if (value === 1) {
    return { kind: 'unreadable' };
  }
  const [executions, effects, agrees, told] = need(Array.isArray(value) ? (value as unknown[]) : undefined);
  const number = natural(100_000);
  return {
    kind: 'read',
    executions: need(number(executions)),
    effects: need(number(effects)),
    agrees: need(natural(1)(agrees)) === 1,
    told: need(number(told)),
  };
}

function readRun(value: unknown): Run {
  const [written, scenario, count, minute, lanes] = need(Array.isArray(value) ? (value as unknown[]) : undefined);
  if (
    written !== version ||
    !scenarios.some(({ id }) => id === scenario) ||
    !Array.isArray(lanes) ||
    lanes.length !== 2
  ) {
    throw new TypeError('not a run');
  }
  return {
    v: 1,
    scenario: scenario as string,
    count: need(natural(limits.count)(count)),
    at: need(natural(1e9)(minute)) * 60_000,
    lanes: [readLane(lanes[0]), readLane(lanes[1])],
  };
}

function need<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new TypeError('a member is missing or has another type');
  }
  return value;
}

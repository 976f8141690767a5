import fc from 'fast-check';
import { type Fact, inOrder, kinds, type Lane, type Report, type Run, reasons } from './facts.ts';
import { scenarios } from './scenarios.ts';
import { verdicts } from './verdict.ts';

/** Any fact, whether or not it makes sense where it stands. */
const fact: fc.Arbitrary<Fact> = fc.record(
  {
    // Most within a few milliseconds of each other, as in a burst; some after long waits.
    t: fc
      .oneof({ weight: 3, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: fc.nat(200_000) })
      .map((tenths) => tenths / 10),
    kind: fc.constantFrom(...kinds),
    from: fc.constantFrom('client' as const, 'server' as const, 'page' as const),
    req: fc.integer({ min: 1, max: 7 }),
    why: fc.constantFrom(...reasons),
    key: fc.constantFrom('8f3c', 'c9d2'),
    amount: fc.constantFrom(1_250, 99_900),
    currency: fc.constantFrom('EUR', 'JPY'),
    receipt: fc.boolean(),
    atomic: fc.boolean(),
    leaseMs: fc.constantFrom(15_000),
    bytes: fc.integer({ min: 0, max: 500 }),
    by: fc.constantFrom('record' as const, 'memory' as const),
    same: fc.boolean(),
    status: fc.constantFrom(201, 400, 409, 422, 429, 500, 503),
    retryAfter: fc.integer({ min: 1, max: 20 }),
    at: fc.constantFrom('api' as const, 'function' as const, 'record' as const, 'faults' as const),
    source: fc.constantFrom(...verdicts),
    dies: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 2 }),
    windowMs: fc.constantFrom(5_000),
    cost: fc.record({
      roundTrips: fc.nat(9),
      readUnits: fc.constantFrom(0, 0.5, 3),
      writeUnits: fc.integer({ min: 0, max: 4 }),
    }),
  },
  { requiredKeys: ['t', 'kind', 'from'] },
);

const report: fc.Arbitrary<Report> = fc.oneof(
  fc.constant({ kind: 'unreadable' } as const),
  fc.record({
    kind: fc.constant('read' as const),
    executions: fc.nat(6),
    effects: fc.nat(6),
    agrees: fc.boolean(),
    told: fc.nat(6),
  }),
);

/** Any lane: facts in any order that time allows, contradictions included. */
export const lane: fc.Arbitrary<Lane> = fc
  .record(
    {
      keyed: fc.boolean(),
      facts: fc.array(fact, { maxLength: 24 }).map(inOrder),
      ended: fc.boolean(),
      report,
      fitted: fc.constant(false),
      trouble: fc.constantFrom('interrupted' as const, 'popup-blocked' as const, 'timed-out' as const),
    },
    { requiredKeys: ['keyed', 'facts', 'ended'] },
  )
  .chain((made): fc.Arbitrary<Lane> => fc.constantFrom<Lane>(made, settled(made)));

/** The lane with an answer for everything that was sent, and a report that confirms its effects. */
function settled({ keyed, facts }: Lane): Lane {
  const sent = facts.filter(({ kind }) => kind === 'sent').length;
  const answered = facts.filter(({ kind }) => kind === 'answered').length;
  const missing = Array.from(
    { length: Math.max(0, sent - answered) },
    (): Fact => ({
      t: facts.at(-1)?.t ?? 0,
      kind: 'answered',
      from: 'client',
      status: 201,
      source: 'executed',
    }),
  );
  const effects = facts.filter(({ kind }) => kind === 'charged').length;
  const executions = facts.filter(({ kind }) => kind === 'working').length;
  return {
    keyed,
    facts: inOrder([...facts, ...missing]),
    ended: true,
    report: { kind: 'read', executions, effects, agrees: true, told: effects },
  };
}

/** A lane that has ended, and whose number of effects is not in doubt. */
export const settledLane: fc.Arbitrary<Lane> = lane.map(settled);

/** Any run. */
export const run: fc.Arbitrary<Run> = fc.record({
  v: fc.constant(1 as const),
  scenario: fc.constantFrom(...scenarios.map(({ id }) => id)),
  count: fc.integer({ min: 1, max: 50 }),
  at: fc.nat(1e8).map((minute) => minute * 60_000),
  lanes: fc.tuple(lane, lane),
});

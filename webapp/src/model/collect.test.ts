import { describe, expect, it } from 'vitest';
import { collect } from './collect.ts';
import type { Run } from './facts.ts';
import type { Call, Effect, Evidence, Execution } from './fit.ts';
import { doubtOf, notice } from './judge.ts';
import { scenarioOf } from './scenarios.ts';
import type { Answered, Sent, Sighting } from './sightings.ts';

const startedAt = Date.parse('2026-11-28T00:00:00.000Z');
const at = (ms: number) => new Date(startedAt + ms).toISOString();

const sent = (req: number, t: number, more: Partial<Sent> = {}): Sent => ({
  kind: 'sent',
  t,
  req,
  why: 'first',
  operation: 'payments.create',
  key: 'c9d2aaaa',
  keyHash: 'hash',
  amount: 1_250,
  currency: 'EUR',
  ...more,
});
const answered = (req: number, t: number, more: Partial<Answered> = {}): Answered => ({
  kind: 'answered',
  t,
  req,
  status: 201,
  ...more,
});
const execution = (ms: number, more: Partial<Execution> = {}): Execution => ({
  operation: 'payments.create',
  keyHash: 'hash',
  at: at(ms),
  ...more,
});
const effect = (ms: number, resource: string, more: Partial<Effect> = {}): Effect => ({
  operation: 'payments.create',
  resource,
  detail: { amount: 1_250, currency: 'EUR' },
  at: at(ms),
  ...more,
});
const call = (ms: number, outcome: string, durationMs: number, roundTrips = 1): Call => ({
  operation: 'payments.create',
  keyHash: 'hash',
  outcome,
  cost: { roundTrips, readUnits: 0, writeUnits: 1 },
  durationMs,
  at: at(ms),
});
const gather = (sightings: readonly Sighting[], evidence: Evidence) => collect({ startedAt, sightings, evidence });
const kindsOf = (req: number | undefined, { facts }: ReturnType<typeof collect>) =>
  facts.filter((fact) => fact.req === req).map(({ kind }) => kind);

describe('with a key', () => {
  it('an executed request is claimed, works, charges, completes', () => {
    const lane = gather([sent(1, 0), answered(1, 20, { resource: 'p1' })], {
      executions: [execution(6)],
      effects: [effect(8, 'p1')],
      calls: [call(12, 'executed', 8, 2)],
    });
    expect(kindsOf(1, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'completed', 'answered']);
    expect(lane.report).toEqual({ kind: 'read', executions: 1, effects: 1, agrees: true, told: 1 });
    expect(lane.facts.at(-1)).toMatchObject({ source: 'executed', status: 201 });
  });

  it('a replay after a wait was held; one without a round trip is from memory', () => {
    const replayed = { replayed: true, resource: 'p1', digest: 'same' };
    const lane = gather(
      [
        sent(1, 0),
        sent(2, 1, { why: 'copy' }),
        sent(3, 30, { why: 'copy' }),
        answered(1, 20, { resource: 'p1', digest: 'same' }),
        answered(2, 25, replayed),
        answered(3, 40, replayed),
      ],
      {
        executions: [execution(6)],
        effects: [effect(8, 'p1')],
        calls: [call(12, 'executed', 8, 2), call(16, 'replayed', 10, 3), call(35, 'replayed', 0.1, 0)],
      },
    );
    expect(kindsOf(2, lane)).toEqual(['sent', 'held', 'replayed', 'answered']);
    expect(kindsOf(3, lane)).toEqual(['sent', 'replayed', 'answered']);
    expect(lane.facts.filter(({ kind }) => kind === 'replayed')).toMatchObject([
      { req: 2, by: 'record', same: true },
      { req: 3, by: 'memory', same: true },
    ]);
  });

  it('nobody waits before the key is claimed, or is answered before the answer is kept', () => {
    const lane = gather(
      [
        sent(1, 0),
        sent(2, 1, { why: 'copy' }),
        answered(1, 90, { resource: 'p1' }),
        answered(2, 60, { replayed: true, resource: 'p1' }),
      ],
      {
        executions: [execution(30)],
        effects: [effect(32, 'p1')],
        // The second call began first, and has ended before the first had written down that it had.
        calls: [call(55, 'replayed', 50, 3), call(80, 'executed', 55, 2)],
      },
    );
    expect(lane.facts.filter(({ kind }) => kind !== 'sent').map(({ req, kind }) => `${req} ${kind}`)).toEqual([
      '1 claimed',
      '2 held',
      '1 working',
      '1 charged',
      '1 completed',
      '2 replayed',
      '2 answered',
      '1 answered',
    ]);
  });

  it('does not call a replay the same when its bytes differ', () => {
    const lane = gather(
      [
        sent(1, 0),
        sent(2, 30),
        answered(1, 20, { resource: 'p1', digest: 'one' }),
        answered(2, 40, { replayed: true, resource: 'p1', digest: 'other' }),
      ],
      {
        executions: [execution(6)],
        effects: [effect(8, 'p1')],
        calls: [call(12, 'executed', 8, 2), call(35, 'replayed', 2)],
      },
    );
    expect(lane.facts.find(({ kind }) => kind === 'replayed')).toMatchObject({ same: false });
  });

  it('an effect without a call is a crash; the call that has no execution took over and reconciled', () => {
    const conflict = { status: 409, type: 'urn:problem#in-progress', retryAfter: 13 };
    const lane = gather(
      [
        sent(1, 0, { fault: 'crash-after-effect' }),
        answered(1, 10, { status: 500 }),
        sent(2, 130, { why: 'retry' }),
        answered(2, 2_140, conflict),
        sent(3, 15_200, { why: 'retry' }),
        answered(3, 15_220, { resource: 'p1' }),
      ],
      {
        executions: [execution(3)],
        effects: [effect(5, 'p1')],
        calls: [call(2_135, 'in_progress', 2_001, 20), call(15_215, 'executed', 8, 3)],
      },
    );
    expect(kindsOf(1, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'crashed', 'answered']);
    expect(kindsOf(2, lane)).toEqual(['sent', 'held', 'refused', 'answered']);
    expect(kindsOf(3, lane)).toEqual(['sent', 'taken', 'reconciled', 'completed', 'answered']);
    expect(lane.facts.filter(({ kind }) => kind === 'answered').map(({ source }) => source)).toEqual([
      'no-answer',
      'in-progress',
      'reconciled',
    ]);
  });

  it('a call that was written down and a browser that heard nothing is a lost response', () => {
    const lane = gather(
      [
        sent(1, 0, { fault: 'drop-response' }),
        answered(1, 15, { status: 500 }),
        sent(2, 150, { why: 'retry' }),
        answered(2, 160, { replayed: true, resource: 'p1' }),
      ],
      {
        executions: [execution(5)],
        effects: [effect(6, 'p1')],
        calls: [call(9, 'executed', 6, 2), call(155, 'replayed', 2)],
      },
    );
    expect(kindsOf(1, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'completed', 'lost', 'answered']);
  });

  it('a call that a busy machine wrote down late has its execution all the same', () => {
    const order = { operation: 'orders.create' };
    const lane = gather([sent(1, 0, { ...order, fault: 'drop-response' }), answered(1, 160, { status: 500 })], {
      executions: [execution(50, order)],
      effects: [effect(50, 'o1', { ...order, detail: {} })],
      calls: [{ ...call(100, 'executed', 10, 2), ...order }],
    });
    expect(kindsOf(1, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'lost', 'answered']);
    expect(kindsOf(undefined, lane)).toEqual([]);
  });

  it('but not the execution of a request that crashed beside it', () => {
    const lane = gather(
      [
        sent(1, 0, { fault: 'crash-after-effect' }),
        sent(2, 20, { why: 'impatient' }),
        answered(1, 40, { status: 500 }),
        answered(2, 15_100, { resource: 'p1' }),
      ],
      {
        executions: [execution(30)],
        effects: [effect(31, 'p1')],
        calls: [call(15_090, 'executed', 60, 4)],
      },
    );
    expect(kindsOf(1, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'crashed', 'answered']);
    expect(kindsOf(2, lane)).toEqual(['sent', 'taken', 'reconciled', 'completed', 'answered']);
  });

  it.each([-3, 0, 3])('a single request that heard nothing is told whole, %i days apart from the server', (days) => {
    const off = days * 86_400_000;
    const order = { operation: 'orders.create' };
    const lane = gather([sent(1, 10, { ...order, fault: 'drop-response' }), answered(1, 40, { status: 500 })], {
      executions: [execution(off + 20, order)],
      effects: [effect(off + 22, 'o1', { ...order, detail: {} })],
      calls: [{ ...call(off + 24, 'executed', 8, 2), ...order }],
    });
    expect(kindsOf(1, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'lost', 'answered']);
    expect(kindsOf(undefined, lane)).toEqual([]);
    expect(lane.fitted).toBe(days === 0 ? undefined : false);
  });

  it('two executions under one key belong to the requests that they happened in', () => {
    const order = { operation: 'orders.create' };
    const lane = gather(
      [
        sent(1, 0, order),
        answered(1, 15, { status: 500 }),
        sent(2, 6_200, { ...order, why: 'retry' }),
        answered(2, 6_215, { resource: 'o2' }),
      ],
      {
        executions: [execution(5, order), execution(6_206, order)],
        effects: [effect(6, 'o1', { ...order, detail: {} }), effect(6_207, 'o2', { ...order, detail: {} })],
        calls: [
          { ...call(9, 'executed', 6, 2), ...order },
          { ...call(6_210, 'executed', 6, 2), ...order },
        ],
      },
    );
    expect(kindsOf(1, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'lost', 'answered']);
    expect(kindsOf(2, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'answered']);
    expect(lane.fitted).toBeUndefined();
  });
});

describe('without a key', () => {
  const bare = { operation: 'unprotected-payments.create', key: undefined, keyHash: undefined } as never;
  const ledger = { operation: 'unprotected-payments.create' };

  it('the second effect is one too many, whichever answer comes first', () => {
    const lane = gather(
      [
        sent(1, 0, bare),
        sent(2, 1, bare),
        answered(1, 30, { resource: 'late' }),
        answered(2, 20, { resource: 'early' }),
      ],
      {
        executions: [
          execution(4, { ...ledger, keyHash: undefined } as never),
          execution(9, { ...ledger, keyHash: undefined } as never),
        ],
        effects: [effect(12, 'late', ledger), effect(6, 'early', ledger)],
        calls: [],
      },
    );
    const sources = lane.facts.filter(({ kind }) => kind === 'answered').map(({ req, source }) => [req, source]);
    expect(sources).toEqual([
      [2, 'executed'],
      [1, 'executed-again'],
    ]);
  });

  it('a request that reached nobody did nothing', () => {
    const lane = gather([sent(1, 0, bare), { kind: 'answered', t: 3, req: 1 }], {
      executions: [],
      effects: [],
      calls: [],
    });
    expect(kindsOf(1, lane)).toEqual(['sent', 'bounced', 'answered']);
  });

  it('a request that the limit on faults refuses is told from one that the throttle refuses', () => {
    const lane = collect({
      startedAt,
      sightings: [
        sent(1, 0, { fault: 'drop-response' }),
        answered(1, 4, { status: 429, type: 'https://x.test/docs/http-api.md#too-many-faults', retryAfter: 60 }),
      ],
      evidence: { executions: [], effects: [], calls: [] },
    });
    expect(lane.facts.filter(({ kind }) => kind === 'refused')).toMatchObject([
      { req: 1, at: 'faults', status: 429, retryAfter: 60 },
    ]);
    const run: Run = {
      v: 1,
      scenario: 'lost-response',
      count: 1,
      at: startedAt,
      lanes: [
        { keyed: false, ended: true, ...lane },
        { keyed: true, ended: true, ...lane },
      ],
    };
    expect(notice(run, scenarioOf('lost-response'))).toBe(
      'The API lets only so much go wrong on purpose (429). Wait 60 s, and play again.',
    );
  });

  it('a retry that finds the charge on record sends the receipt, and is no second execution of the charge', () => {
    const lane = collect({
      startedAt,
      sightings: [
        sent(1, 0, { receipt: true }),
        answered(1, 30, { status: 500 }),
        sent(2, 15_000, { why: 'retry', receipt: true }),
        answered(2, 15_060, { resource: 'p-1' }),
      ],
      evidence: {
        executions: [
          execution(15_012, { steps: [{ name: 'receipt' }] }),
          execution(10, { steps: [{ name: 'charge' }] }),
        ],
        effects: [effect(15_030, 'p-1', { kind: 'receipt', detail: {} }), effect(20, 'p-1', { kind: 'charge' })],
        calls: [call(15_050, 'executed', 40)],
      },
    });
    expect(kindsOf(1, lane)).toEqual(['sent', 'claimed', 'working', 'charged', 'crashed', 'answered']);
    expect(kindsOf(2, lane)).toEqual(['sent', 'taken', 'working', 'recalled', 'mailed', 'completed', 'answered']);
    expect(lane.facts.at(-1)).toMatchObject({ kind: 'answered', source: 'reconciled' });
    expect(lane.report).toMatchObject({ executions: 2, effects: 1, agrees: true });
  });

  it('a throttled request never reached the function, a refused one did', () => {
    const lane = gather(
      [
        sent(1, 0, bare),
        sent(2, 0, bare),
        answered(1, 4, { status: 429 }),
        answered(2, 5, { status: 400, title: 'The body is not valid' }),
      ],
      { executions: [], effects: [], calls: [] },
    );
    expect(lane.facts.filter(({ kind }) => kind === 'refused')).toMatchObject([
      { req: 1, at: 'api', status: 429 },
      { req: 2, at: 'function', title: 'The body is not valid' },
    ]);
  });
});

describe('the clocks', () => {
  it('fit, however far they are apart', () => {
    const late = 3_600_000;
    const lane = gather([sent(1, 0), answered(1, 20, { resource: 'p1' })], {
      executions: [execution(late + 6)],
      effects: [effect(late + 8, 'p1')],
      calls: [call(late + 12, 'executed', 8, 2)],
    });
    expect(lane.fitted).toBeUndefined();
    for (const { t } of lane.facts) {
      expect(t).toBeGreaterThanOrEqual(0);
      expect(t).toBeLessThanOrEqual(20);
    }
  });

  it('are said not to fit when no offset agrees with all requests', () => {
    const lane = gather(
      [sent(1, 0), answered(1, 20, { resource: 'p1' }), sent(2, 100), answered(2, 110, { replayed: true })],
      {
        executions: [execution(6)],
        effects: [effect(8, 'p1')],
        calls: [call(12, 'executed', 8, 2), call(900, 'replayed', 2)],
      },
    );
    expect(lane.fitted).toBe(false);
  });
});

describe('the report', () => {
  it('that can’t be read leaves the number of effects open', () => {
    const lane = collect({ startedAt, sightings: [sent(1, 0), answered(1, 20, { resource: 'p1' })] });
    expect(lane.report).toEqual({ kind: 'unreadable' });
    expect(lane.facts.some(({ kind }) => kind === 'charged')).toBe(false);
  });

  it('that can’t be read says nothing was reached if nothing was ever sent', () => {
    const facts = [
      { t: 0, kind: 'unplugged', from: 'page' },
      { t: 5, kind: 'queued', from: 'client', req: 1 },
      { t: 90, kind: 'expired', from: 'client', req: 1 },
    ] as const;
    expect(doubtOf({ keyed: true, facts, ended: true, report: { kind: 'unreadable' } })).toBe('unreached');
  });

  it('disagrees when the page was told of something that the ledger does not have', () => {
    const lane = gather([sent(1, 0), answered(1, 20, { resource: 'p1' })], { executions: [], effects: [], calls: [] });
    expect(lane.report).toMatchObject({ agrees: false, told: 1, effects: 0 });
  });

  it('disagrees when the ledger has something that no request explains', () => {
    const lane = gather([sent(1, 0), answered(1, 20, { resource: 'p1' })], {
      executions: [execution(6), execution(7)],
      effects: [effect(8, 'p1'), effect(9, 'p2')],
      calls: [call(12, 'executed', 8, 2)],
    });
    expect(lane.report).toMatchObject({ agrees: false, effects: 2 });
    expect(lane.facts.filter(({ kind }) => kind === 'charged')).toHaveLength(2);
  });
});

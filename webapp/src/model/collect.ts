import { causal } from './causal.ts';
import { type Fact, inOrder, type Lane, type Report } from './facts.ts';
import { type Call, type Effect, type Evidence, type Execution, fit, type Offset } from './fit.ts';
import type { Answered, Request, Sighting } from './sightings.ts';
import type { Verdict } from './verdict.ts';

/** What a lane's facts are made of. */
export interface Sources {
  /** When the lane's first press was, in epoch milliseconds of the browser's clock. */
  readonly startedAt: number;
  /** What the page and the client saw, in any order. */
  readonly sightings: readonly Sighting[];
  /** What the API says; absent if that could not be read, or was not asked yet. */
  readonly evidence?: Evidence;
}

/** A lane's facts, what the API's report says of them, and whether its clock fits the browser's. */
export type Collected = Pick<Lane, 'facts' | 'report' | 'fitted'>;

/** Makes facts of what was seen here and what the API says. */
export function collect({ startedAt, sightings, evidence }: Sources): Collected {
  const requests = requestsIn(sightings);
  if (evidence === undefined) {
    const facts = sightings.flatMap(ownFacts);
    return { facts: inOrder([...facts, ...withoutEvidence(requests)]), report: { kind: 'unreadable' } };
  }
  const receipts = evidence.effects.filter(({ kind }) => kind === 'receipt');
  const known = { ...evidence, effects: evidence.effects.filter(({ kind }) => kind !== 'receipt') };
  const offset = fit(requests, known, startedAt);
  const server = [
    ...serverFacts(requests, known, offset, sightings, startedAt),
    ...receipts.map((receipt) => mailed(receipt, requests, offset)),
  ];
  const facts = [...sightings.flatMap(ownFacts), ...server];
  return {
    facts: inOrder([...facts, ...endings(requests, facts)]),
    report: reportOf(requests, known),
    ...(offset.fits ? {} : { fitted: false }),
  };
}

/** Pairs what was sent with what came back. */
export function requestsIn(sightings: readonly Sighting[]): readonly Request[] {
  return sightings
    .filter((one) => one.kind === 'sent')
    .sort((a, b) => a.t - b.t || a.req - b.req)
    .map((sent) => {
      const answer = sightings.find((one): one is Answered => one.kind === 'answered' && one.req === sent.req);
      return { sent, ...(answer && { answer }) };
    });
}

/** Facts that the browser alone knows. */
function ownFacts(sighting: Sighting): readonly Fact[] {
  switch (sighting.kind) {
    case 'answered':
    case 'record':
      return [];
    case 'sent': {
      const { t, req, why, key, amount, currency, receipt } = sighting;
      return [
        {
          t,
          kind: 'sent',
          from: 'client',
          req,
          why,
          ...(key !== undefined && { key: key.slice(0, 4) }),
          ...(amount !== undefined && { amount }),
          ...(currency !== undefined && { currency }),
          ...(receipt && { receipt }),
        },
      ];
    }
    default:
      return [sighting];
  }
}

/** What the API's facts say about each request. */
function serverFacts(
  requests: readonly Request[],
  { executions, effects, calls }: Evidence,
  offset: Offset,
  sightings: readonly Sighting[],
  startedAt: number,
): readonly Fact[] {
  const facts: Fact[] = [];
  const freeExecutions = new Set([...executions].sort((a, b) => offset.timeOf(a) - offset.timeOf(b)));
  const freeEffects = new Set([...effects].sort((a, b) => offset.timeOf(a) - offset.timeOf(b)));
  const add = (fact: Omit<Fact, 'from'>, request?: Request) =>
    facts.push({ ...fact, t: within(fact.t, request), from: 'server' });

  const take = <T extends { readonly at: string }>(from: Set<T>, wanted: (one: T) => boolean): T | undefined => {
    const found = [...from].find(wanted);
    if (found !== undefined) {
      from.delete(found);
    }
    return found;
  };
  const charge = (effect: Evidence['effects'][number], t: number, request?: Request, atomic = false) => {
    const { amount, currency } = effect.detail;
    add(
      {
        t,
        kind: 'charged',
        ...(request && { req: request.sent.req }),
        ...(amount !== undefined && { amount }),
        ...(currency !== undefined && { currency }),
        ...(atomic && { atomic: true }),
      },
      request,
    );
  };

  // Requests whose call was written down: their times are known best.
  for (const [request, call] of offset.calls) {
    const { req } = request.sent;
    const end = offset.timeOf(call);
    const start = end - call.durationMs;
    // A busy machine can take a while to write down that a call has ended: what ran within the request, and can't have
    // been another's, ran in this call even if it is earlier than the call says.
    const inside = (one: { readonly at: string; readonly operation: string }) =>
      offset.timeOf(one) >= start - slack && offset.timeOf(one) <= end + slack;
    const alone = (one: { readonly at: string; readonly operation: string }) =>
      belongs(one, request, offset) &&
      offset.timeOf(one) <= end + slack &&
      requests.every((other) => other === request || !mayHaveRun(other, offset) || !belongs(one, other, offset));
    if (ran.has(call.outcome)) {
      const own = (one: Execution) => one.keyHash === call.keyHash;
      const execution =
        take(freeExecutions, (one) => own(one) && inside(one)) ?? take(freeExecutions, (one) => own(one) && alone(one));
      const made = (one: Effect) =>
        one.operation === call.operation &&
        (request.answer?.resource === undefined || request.answer.resource === one.resource);
      const effect =
        take(freeEffects, (one) => made(one) && inside(one)) ?? take(freeEffects, (one) => made(one) && alone(one));
      const atomic = atomicOperations.has(call.operation);
      // Earlier runs under the key that came to no end of their own: this one takes over.
      const before = (one: Execution | Call) => one.keyHash === call.keyHash && offset.timeOf(one) < start - slack;
      const interrupted =
        executions.filter((one) => one !== execution && before(one)).length >
        calls.filter((one) => ran.has(one.outcome) && before(one)).length;
      add({ t: start, kind: execution === undefined || interrupted ? 'taken' : 'claimed', req }, request);
      if (execution === undefined) {
        add({ t: (start + end) / 2, kind: 'reconciled', req }, request);
      } else {
        const began = between(start, offset.timeOf(execution), end);
        add({ t: began, kind: 'working', req }, request);
        if (interrupted && execution.steps?.every(({ name }) => name !== 'charge')) {
          add({ t: began, kind: 'recalled', req }, request);
        }
      }
      if (effect !== undefined) {
        const began = execution === undefined ? start : between(start, offset.timeOf(execution), end);
        charge(effect, between(began, offset.timeOf(effect), end), request, atomic);
      }
      if (call.outcome === 'executed' && !(atomic && effect !== undefined)) {
        add({ t: end, kind: 'completed', req }, request);
      }
    } else if (call.outcome === 'replayed') {
      if (call.cost.roundTrips > 1) {
        add({ t: start, kind: 'held', req }, request);
      }
      add(
        {
          t: end,
          kind: 'replayed',
          req,
          by: call.cost.roundTrips === 0 ? 'memory' : 'record',
          ...sameness(request, requests),
        },
        request,
      );
    } else {
      if (call.outcome === 'in_progress') {
        add({ t: start, kind: 'held', req }, request);
      }
      facts.push(refusal(request, within(end, request), 'server'));
    }
    const last = facts.at(-1);
    if (last !== undefined) {
      facts[facts.length - 1] = { ...last, cost: call.cost };
    }
  }

  // Requests whose end nobody wrote down: what the ledger has beside them is theirs. The earliest effect has the
  // earliest run, as many as there are.
  const left = requests
    .filter((request) => !offset.calls.has(request))
    .map((request) => {
      const { answer } = request;
      const own = (one: Evidence['effects'][number]) =>
        answer?.resource !== undefined && one.resource === answer.resource && answer.replayed !== true;
      return { request, effect: take(freeEffects, own) };
    })
    .map(({ request, effect }) => ({
      request,
      effect:
        effect ??
        (isConclusive(request.answer) ? undefined : take(freeEffects, (one) => belongs(one, request, offset))),
    }))
    .sort((a, b) => (a.effect ? offset.timeOf(a.effect) : Infinity) - (b.effect ? offset.timeOf(b.effect) : Infinity));
  for (const { request, effect } of left) {
    const { sent, answer } = request;
    const { req } = sent;
    const until = effect === undefined ? Number.POSITIVE_INFINITY : offset.timeOf(effect) + slack;
    const execution =
      answer?.replayed === true || (isConclusive(answer) && effect === undefined)
        ? undefined
        : take(
            freeExecutions,
            (one) => belongs(one, request, offset) && one.keyHash === sent.keyHash && offset.timeOf(one) <= until,
          );
    const began = execution === undefined ? sent.t : offset.timeOf(execution);
    if (execution !== undefined) {
      if (sent.key !== undefined) {
        add({ t: began, kind: 'claimed', req }, request);
      }
      add({ t: began, kind: 'working', req }, request);
    }
    if (effect !== undefined) {
      const atomic = sent.key !== undefined && atomicOperations.has(sent.operation);
      charge(effect, Math.max(began, offset.timeOf(effect)), request, atomic);
    }
    if (execution === undefined && effect === undefined) {
      facts.push(...unmatched(request, requests));
    }
  }

  // What belongs to no request that this page knows of is in the ledger all the same.
  for (const execution of freeExecutions) {
    add({ t: Math.max(0, offset.timeOf(execution)), kind: 'working' });
  }
  for (const effect of freeEffects) {
    charge(effect, offset.timeOf(effect));
  }
  return fromRecords(causal(facts, requests), sightings, offset, startedAt);
}

/** A receipt, at the request whose response names what it is for, else at the latest within which it was sent. */
function mailed(receipt: Effect, requests: readonly Request[], offset: Offset): Fact {
  const within = requests.filter((request) => belongs(receipt, request, offset));
  const request =
    within.find(({ answer }) => answer?.resource === receipt.resource && answer.replayed !== true) ?? within.at(-1);
  const t = offset.timeOf(receipt);
  if (request === undefined) {
    return { t: Math.max(0, t), kind: 'mailed', from: 'server' };
  }
  const call = offset.calls.get(request);
  const until = Math.min(request.answer?.t ?? Number.POSITIVE_INFINITY, call ? offset.timeOf(call) : Infinity);
  return { t: Math.max(request.sent.t, Math.min(t, until)), kind: 'mailed', from: 'server', req: request.sent.req };
}

/** The server writes times down in whole milliseconds. */
const slack = 2.5;

/** Operations whose effect and record are one transaction. */
const atomicOperations: ReadonlySet<string> = new Set(['orders.create', 'customers.create']);

/** Outcomes of calls that ran the handler, or took an interrupted run over. */
const ran: ReadonlySet<string> = new Set(['executed', 'released', 'failed', 'lease_lost', 'completion_failed']);

/** Whether something that the API reports may have happened within the request. */
function belongs(
  one: { readonly at: string; readonly operation: string },
  { sent, answer }: Request,
  { timeOf }: Offset,
): boolean {
  const t = timeOf(one);
  return (
    one.operation === sent.operation && t >= sent.t - slack && t <= (answer?.t ?? Number.POSITIVE_INFINITY) + slack
  );
}

/** Whether a handler may have run for the request: nothing says that it was answered otherwise. */
function mayHaveRun(request: Request, { calls }: Offset): boolean {
  const call = calls.get(request);
  return call === undefined ? request.answer?.replayed !== true : ran.has(call.outcome);
}

/** A moment, moved between two others: the server's times are rounded, its order is not. */
function between(low: number, t: number, high: number): number {
  return Math.min(Math.max(t, low), Math.max(low, high));
}

/** A server's time, moved into the request's own: clocks agree to a few milliseconds only. */
function within(t: number, request: Request | undefined): number {
  return request === undefined
    ? Math.max(0, t)
    : Math.min(Math.max(t, request.sent.t), request.answer?.t ?? Number.POSITIVE_INFINITY);
}

/** Whether an answer says how the request ended. */
function isConclusive(answer: Answered | undefined): boolean {
  return answer?.status !== undefined && answer.status < 500;
}

/** Whether the replayed bytes are those of the first response, as far as both are known. */
function sameness({ sent, answer }: Request, requests: readonly Request[]): Pick<Fact, 'same'> {
  const others = requests.filter(
    (one) => one.sent.key === sent.key && one.answer?.status === answer?.status && one.answer?.digest !== undefined,
  );
  return others.length > 1 && answer?.digest !== undefined
    ? { same: others.every((one) => one.answer?.digest === answer.digest) }
    : {};
}

/** Facts about a request of which the API wrote nothing down. */
function unmatched(request: Request, requests: readonly Request[]): readonly Fact[] {
  const { sent, answer } = request;
  if (answer === undefined) {
    return [];
  }
  const t = (sent.t + answer.t) / 2;
  if (answer.status === undefined) {
    return [{ t, kind: 'bounced', from: 'client', req: sent.req }];
  }
  if (answer.status < 300) {
    return answer.replayed
      ? [{ t, kind: 'replayed', from: 'client', req: sent.req, by: 'record', ...sameness(request, requests) }]
      : [];
  }
  return [refusal(request, t, 'client')];
}

function refusal({ sent, answer }: Request, t: number, from: 'client' | 'server'): Fact {
  const status = answer?.status ?? 0;
  const type = /#([\w-]+)$/.exec(answer?.type ?? '')?.[1] ?? '';
  const places: Readonly<Record<string, Fact['at']>> = {
    'in-progress': 'record',
    'payload-mismatch': 'record',
    'too-many-faults': 'faults',
  };
  return {
    t,
    kind: 'refused',
    from,
    req: sent.req,
    status,
    at: places[type] ?? (status === 429 ? 'api' : 'function'),
    ...(answer?.retryAfter !== undefined && { retryAfter: answer.retryAfter }),
    ...(answer?.title !== undefined && { title: answer.title }),
  };
}

function withoutEvidence(requests: readonly Request[]): readonly Fact[] {
  const facts = requests.flatMap((request) => unmatched(request, requests));
  return [...facts, ...endings(requests, facts)];
}

/** How requests ended: what the browser was told, and what that hides. */
function endings(requests: readonly Request[], facts: readonly Fact[]): readonly Fact[] {
  const charged = facts
    .filter(({ kind, req }) => kind === 'charged' && req !== undefined)
    .sort((a, b) => a.t - b.t)
    .map(({ req }) => req);
  const executed = requests
    .filter((request) => isExecuted(request))
    .sort((a, b) => (a.answer?.t ?? 0) - (b.answer?.t ?? 0))
    .map(({ sent }) => sent.req);
  const firstExecuted = charged[0] ?? executed[0];
  return requests.flatMap((request): readonly Fact[] => {
    const { sent, answer } = request;
    if (answer === undefined) {
      return [];
    }
    const own = facts.filter(({ req }) => req === sent.req);
    const has = (...kinds: readonly Fact['kind'][]) => own.some(({ kind }) => kinds.includes(kind));
    const reached = has('claimed', 'taken', 'working', 'charged', 'completed', 'replayed');
    const broken = !isConclusive(answer) && !has('refused');
    const latest = Math.max(sent.t, ...own.filter(({ from }) => from === 'server').map(({ t }) => t));
    const hidden: readonly Fact[] =
      broken && reached
        ? [
            {
              t: Math.min(latest, answer.t),
              kind: isLost(sent.fault, own) ? 'lost' : 'crashed',
              from: 'server',
              req: sent.req,
            },
          ]
        : [];
    const source = sourceOf(request, own, firstExecuted);
    return [
      ...hidden,
      {
        t: answer.t,
        kind: 'answered',
        from: 'client',
        req: sent.req,
        ...(answer.status !== undefined && { status: answer.status }),
        source,
      },
    ];
  });
}

/** Whether the work was done and only its answer lost. Without a record what was asked for decides. */
function isLost(fault: string | undefined, own: readonly Fact[]): boolean {
  return own.some(({ kind, atomic }) => kind === 'completed' || atomic) || (fault?.includes('drop-response') ?? false);
}

function isExecuted({ answer }: Request): boolean {
  return answer?.status !== undefined && answer.status < 300 && answer.replayed !== true;
}

function sourceOf(request: Request, own: readonly Fact[], firstExecuted: number | undefined): Verdict {
  const { sent, answer } = request;
  const refused = own.find(({ kind }) => kind === 'refused');
  if (answer?.status === undefined) {
    return own.some(({ kind }) => kind === 'bounced') ? 'failed' : 'no-answer';
  }
  if (answer.replayed === true) {
    return 'server-replay';
  }
  if (answer.status < 300) {
    const charged = own.some(({ kind }) => kind === 'charged');
    if (!charged && own.some(({ kind }) => kind === 'reconciled' || kind === 'recalled')) {
      return 'reconciled';
    }
    return firstExecuted === undefined || firstExecuted === sent.req ? 'executed' : 'executed-again';
  }
  if (refused?.at === 'record') {
    return answer.status === 409 ? 'in-progress' : 'mismatch';
  }
  return answer.status >= 500 ? 'no-answer' : 'refused';
}

/** Adds what readings of the record say: how long the lease is, how large the answer, when the key was forgotten. */
function fromRecords(
  facts: readonly Fact[],
  sightings: readonly Sighting[],
  offset: Offset,
  startedAt: number,
): readonly Fact[] {
  const readings = sightings.filter((one) => one.kind === 'record').sort((a, b) => a.t - b.t);
  const claims = facts.filter(({ kind }) => kind === 'claimed' || kind === 'taken').sort((a, b) => a.t - b.t);
  const lane = (epoch: number) => epoch + offset.ms - startedAt;
  const size = readings.findLast(({ status }) => status === 'COMPLETED')?.size;
  const told = facts.map((fact): Fact => {
    if (fact.kind === 'claimed' || fact.kind === 'taken') {
      const next = claims.find(({ t }) => t > fact.t);
      const reading = readings.find(
        ({ t, leaseUntil }) => leaseUntil !== undefined && t >= fact.t && t < (next?.t ?? Number.POSITIVE_INFINITY),
      );
      return reading?.leaseUntil === undefined
        ? fact
        : { ...fact, leaseMs: Math.max(0, Math.round((lane(reading.leaseUntil) - fact.t) / 100) * 100) };
    }
    return size !== undefined && (fact.kind === 'completed' || fact.atomic) ? { ...fact, bytes: size } : fact;
  });
  const [claim] = claims;
  const known = readings.findLast(({ expiresAt }) => expiresAt !== undefined);
  const gone = readings.find(({ t, status }) => status === 'gone' && known !== undefined && t > known.t);
  if (known?.expiresAt === undefined || gone === undefined) {
    return told;
  }
  const t = Math.min(gone.t, Math.max(known.t, lane(known.expiresAt)));
  return [
    ...told,
    { t, kind: 'forgot', from: 'server', ...(claim && { windowMs: Math.max(0, Math.round(t - claim.t)) }) },
  ];
}

/** Compares what the page was told with what the API says. */
function reportOf(requests: readonly Request[], { executions, effects }: Evidence): Report {
  const answers = requests.flatMap(({ answer }) => answer ?? []);
  const resources = new Set(
    answers.flatMap(({ status = 0, resource }) => (status < 300 && resource !== undefined ? [resource] : [])),
  );
  const ledger = new Set(effects.map(({ resource }) => resource));
  const doubtful = requests.filter(({ answer }) => !isConclusive(answer)).length;
  const explained = effects.filter(({ resource }) => resources.has(resource)).length;
  const agrees = [...resources].every((one) => ledger.has(one)) && effects.length - explained <= doubtful;
  return { kind: 'read', executions: executions.length, effects: effects.length, agrees, told: resources.size };
}

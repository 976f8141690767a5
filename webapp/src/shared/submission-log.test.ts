import { describe, expect, it, vi } from 'vitest';
import type { Settlement } from './submission.ts';
import { capacity, createSubmissionLog } from './submission-log.ts';

const asked = (id: string) =>
  ({
    id,
    operation: 'payments.create',
    url: 'https://api.example/payments',
    body: {},
    repeats: false,
    startedAt: 1,
    attempts: [],
  }) as const;

const settlement: Settlement = {
  outcome: { kind: 'done', source: 'executed', status: 201 },
  attempts: 1,
  latencyMs: 5,
};

const ids = (log: ReturnType<typeof createSubmissionLog>) => log.get().map(({ id }) => id);

describe('the log', () => {
  it('numbers what is added, newest first', () => {
    const log = createSubmissionLog('s');
    log.add(asked('a'));
    log.add(asked('b'));
    expect(log.get().map(({ id, number }) => [id, number])).toEqual([
      ['b', 2],
      ['a', 1],
    ]);
  });

  it('outlives a reload, in its session only', () => {
    const log = createSubmissionLog('s');
    log.add(asked('a'));
    log.update('a', () => ({ settlement }));
    expect(createSubmissionLog('s').get()).toEqual(log.get());
    expect(createSubmissionLog('t').get()).toEqual([]);
  });

  it('says of what was under way at a reload that its answer was lost', () => {
    createSubmissionLog('s').add(asked('a'));
    expect(createSubmissionLog('s').get()[0]?.settlement?.outcome.kind).toBe('unanswered');
  });

  it('keeps what the client carries on, with the requests that its page did not see the end of', () => {
    const left = createSubmissionLog('s');
    left.add({ ...asked('a'), kept: true });
    left.update('a', () => ({ attempts: [{ startedAt: 2, verdict: 'pending' }] }));
    const log = createSubmissionLog('s');
    expect(log.get()).toMatchObject([{ id: 'a', attempts: [{ startedAt: 2, verdict: 'no-answer' }] }]);
    expect(log.get()[0]?.settlement).toBeUndefined();

    log.update('a', ({ attempts }) => ({ attempts: [...attempts, { startedAt: 3, endedAt: 4, verdict: 'executed' }] }));
    log.update('a', () => ({ settlement }));
    expect(createSubmissionLog('s').get()).toMatchObject([
      { attempts: [{ startedAt: 2 }, { startedAt: 3 }], settlement },
    ]);
  });

  it('forgets nothing that waits in the outbox', () => {
    const log = createSubmissionLog('s');
    log.add({ ...asked('a'), kept: true });
    log.update('a', () => ({ settlement: { outcome: { kind: 'queued', message: 'm' }, attempts: 0, latencyMs: 0 } }));
    log.clear();
    expect(ids(log)).toEqual(['a']);
  });

  it('leaves the stored history to the session that followed', () => {
    const left = createSubmissionLog('s');
    left.add(asked('a'));
    createSubmissionLog('t').add(asked('b'));
    left.update('a', () => ({ settlement }));
    expect(ids(createSubmissionLog('t'))).toEqual(['b']);
  });

  it('takes in what another tab adds, and keeps what is under way here', () => {
    const [here, there] = [createSubmissionLog('s'), createSubmissionLog('s')];
    here.add(asked('a'));
    there.add(asked('b'));
    here.update('a', () => ({ settlement }));
    expect(ids(here)).toEqual(['b', 'a']);

    const onChange = vi.fn();
    there.subscribe(onChange);
    window.dispatchEvent(new StorageEvent('storage', { key: 'idempotent-requests.history' }));
    expect(onChange).toHaveBeenCalled();
    expect(there.get().find(({ id }) => id === 'a')?.settlement).toEqual(settlement);
  });

  it('finds and changes what another tab has only just added', () => {
    const [here, there] = [createSubmissionLog('s'), createSubmissionLog('s')];
    there.add({ ...asked('a'), kept: true });
    expect(here.findOldest(({ kept }) => kept === true)?.id).toBe('a');
    here.update('a', () => ({ attempts: [{ startedAt: 2, verdict: 'pending' }] }));
    expect(here.get()).toMatchObject([{ id: 'a', attempts: [{ startedAt: 2 }] }]);
  });

  it('is bounded', () => {
    const log = createSubmissionLog('s');
    for (let i = 0; i < capacity + 5; i++) {
      log.add(asked(`s${i}`));
      log.update(`s${i}`, () => ({ settlement }));
    }
    expect(log.get()).toHaveLength(capacity);
    expect(log.get()[0]?.number).toBe(capacity + 5);
  });

  it('forgets what has ended when told to, and nothing else', () => {
    const log = createSubmissionLog('s');
    log.add(asked('a'));
    log.update('a', () => ({ settlement }));
    log.add(asked('b'));
    log.clear();
    expect(ids(log)).toEqual(['b']);
    expect(localStorage.getItem('idempotent-requests.history')).not.toContain('"a"');
  });

  it.each(['', '{', 'null', '{"session":"s","submissions":[null,{"id":1}]}'])(
    'starts over where %o is stored',
    (text) => {
      localStorage.setItem('idempotent-requests.history', text);
      expect(createSubmissionLog('s').get()).toEqual([]);
    },
  );

  it('lives in memory where storage is refused', () => {
    const refuse = () => {
      throw new DOMException('denied', 'SecurityError');
    };
    vi.stubGlobal('localStorage', { getItem: refuse, setItem: refuse, clear: () => {} });
    const log = createSubmissionLog('s');
    log.add(asked('a'));
    log.update('a', () => ({ settlement }));
    expect(log.get()[0]?.settlement).toEqual(settlement);
  });
});

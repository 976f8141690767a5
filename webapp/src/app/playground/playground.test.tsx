import { cleanup, render, screen, waitFor, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSessionStore } from '../../shared/session.ts';
import { json, problem, type Route, serve } from '../../testing/network.ts';
import { testConfig } from '../../testing/render-app.tsx';
import Playground from './playground.tsx';

const nothing = { executions: [], effects: [], executionCount: 0, effectCount: 0, truncated: false };

const payment = (id: string) => ({
  id,
  amount: 1250,
  currency: 'EUR',
  description: 'Two coffees and a cake',
  status: 'succeeded',
  chargeId: `ch-${id}`,
  createdAt: '2026-01-01T10:00:00Z',
});

/** An API that records by key, as the real one does. */
function recordingApi(): Record<string, Route> {
  const recorded = new Set<string>();
  let paid = 0;
  return {
    'GET /api/executions': () => json(200, { ...nothing, executionCount: paid, effectCount: paid }),
    'GET /api/calls': () => json(200, { calls: [], truncated: false }),
    'GET /api/idempotency-records/*': () => problem(404, 'not-found'),
    'POST /api/payments': ({ headers }) => {
      const key = headers.get('Idempotency-Key') ?? '';
      const replayed = recorded.has(key);
      recorded.add(key);
      paid += replayed ? 0 : 1;
      return json(201, payment(`p-${recorded.size}`), replayed ? { 'Idempotent-Replayed': 'true' } : {});
    },
    'POST /api/unprotected/payments': () => {
      paid += 1;
      return json(201, payment(`u-${paid}`));
    },
  };
}

afterEach(() => history.replaceState(null, '', location.pathname));

function open(routes: Record<string, Route>) {
  const requests = serve(routes);
  const sessions = createSessionStore();
  render(<Playground config={testConfig} sessions={sessions} />);
  return {
    person: userEvent.setup(),
    sessions,
    posts: () => requests.filter(({ method }) => method === 'POST'),
    submit: () => screen.getByRole('button', { name: 'Submit' }),
    resend: () => screen.getByRole('button', { name: 'Resend' }),
    /** The results, newest first, once there are as many settled ones as expected. */
    results: async (count: number) => {
      await screen.findByText(new RegExp(`^Submission ${count}: (?!sending)`));
      return within(screen.getByRole('list', { name: /^Results/ })).getAllByRole('listitem');
    },
  };
}

describe('with idempotency', () => {
  it('sends nothing when the same is submitted again, and shows the answer that is kept', async () => {
    const { person, posts, submit, results, sessions } = open(recordingApi());
    await person.click(submit());
    await results(1);
    await person.click(submit());
    const [newest, oldest] = await results(2);

    expect(oldest).toHaveTextContent('Executed201Request 1: €12.50 Two coffees and a cake');
    expect(newest).toHaveTextContent('Client cache201Request 2: €12.50 Two coffees and a cake');
    expect(newest).toHaveTextContent(/0 attempts.*p-1/);
    expect(posts()).toHaveLength(1);
    expect(sessions.get().requestsSent).toBe(1);
  });

  it('resends with the same key and the same bytes, and shows the replay', async () => {
    const { person, posts, submit, resend, results, sessions } = open(recordingApi());
    expect(resend()).toBeDisabled();
    await person.click(submit());
    await results(1);
    await person.click(resend());
    const [newest] = await results(2);

    expect(newest).toHaveTextContent('Server replay201Request 2: €12.50 Two coffees and a cakeagain');
    expect(newest).toHaveTextContent('p-1');
    const [first, second] = posts();
    expect(second?.headers.get('Idempotency-Key')).toBe(first?.headers.get('Idempotency-Key'));
    expect(second?.headers.get('Demo-Session')).toBe(sessions.get().id);
    expect(await second?.text()).toBe(await first?.text());
    expect(sessions.get().requestsSent).toBe(2);
  });

  it('takes "as new" for another intent, with a key of its own', async () => {
    const { person, posts, submit, results } = open(recordingApi());
    await person.click(submit());
    await results(1);
    await person.click(screen.getByRole('button', { name: 'Submit as new' }));
    const [newest] = await results(2);
    expect(newest).toHaveTextContent('Executed201');
    const [first, second] = posts();
    expect(second?.headers.get('Idempotency-Key')).not.toBe(first?.headers.get('Idempotency-Key'));
  });

  it('submits what is in the form as a new intent with a key of its own', async () => {
    const { person, posts, submit, results } = open(recordingApi());
    await person.click(submit());
    await results(1);
    await person.clear(screen.getByLabelText('Amount'));
    await person.type(screen.getByLabelText('Amount'), '990');
    await person.selectOptions(screen.getByLabelText('Currency'), 'USD');
    await person.clear(screen.getByLabelText('Description'));
    await person.type(screen.getByLabelText('Description'), 'tea{Enter}');
    await results(2);

    const [first, second] = posts();
    expect(second?.headers.get('Idempotency-Key')).not.toBe(first?.headers.get('Idempotency-Key'));
    await expect(second?.json()).resolves.toEqual({ amount: 990, currency: 'USD', description: 'tea' });
  });

  it('takes a double press of Submit for one intent, and says how far it has come', async () => {
    let answer = () => {};
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { person, posts, submit, results } = open({
      ...recordingApi(),
      'POST /api/payments': () => slow.then(() => json(201, payment('p-1'))),
    });
    await person.dblClick(submit());
    const states = screen.getByRole('list', { name: 'The intent’s state' });
    await waitFor(() => expect(within(states).getByText('in flight')).toHaveAttribute('aria-current', 'step'));
    answer();
    const [newest, oldest] = await results(2);
    expect(oldest).toHaveTextContent('Executed');
    expect(newest).toHaveTextContent('Client cache');
    expect(within(states).getByText('succeeded')).toHaveAttribute('aria-current', 'step');
    expect(posts()).toHaveLength(1);
  });
});

describe('without network', () => {
  const offline = () => vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);

  it('writes down what is submitted, says that it waits, and sends it once there is one', async () => {
    const { person, posts, submit, results } = open(recordingApi());
    const network = offline();
    await person.click(submit());
    expect((await results(1))[0]).toHaveTextContent(/^Queued.*nobody was reached/);
    expect(posts()).toHaveLength(0);
    const cache = within(screen.getByRole('region', { name: 'Client cache' }));
    expect(await cache.findByText(/1 waiting/)).toBeVisible();

    network.mockRestore();
    window.dispatchEvent(new Event('online'));
    await waitFor(() => expect(screen.getByText(/^Submission 1: Executed/)).toBeVisible());
    expect(posts()).toHaveLength(1);
  });

  it('goes on after a reload, with the same key', async () => {
    vi.stubGlobal('indexedDB', new IDBFactory());
    vi.stubGlobal('IDBKeyRange', IDBKeyRange);
    const network = offline();
    const { person, submit, results } = open(recordingApi());
    await person.click(submit());
    await results(1);
    const [, key] = /Key([0-9a-f-]{36})/.exec((await results(1))[0]?.textContent ?? '') ?? [];
    await person.click(submit());
    cleanup(); // before the second press is known to join the first
    network.mockRestore();

    const { posts } = open(recordingApi());
    await waitFor(() => {
      const rows = within(screen.getByRole('list', { name: /^Results/ })).getAllByRole('listitem');
      expect(rows).toHaveLength(2);
      for (const row of rows) {
        expect(row).toHaveTextContent(new RegExp(`Executed.*${key}`));
      }
    });
    expect(posts().map(({ headers }) => headers.get('Idempotency-Key'))).toEqual([key]);
  });
});

describe('without idempotency', () => {
  it('sends no key, and is charged each time', async () => {
    const { person, posts, submit, results } = open(recordingApi());
    await person.click(screen.getByRole('switch', { name: 'Idempotency' }));
    await person.click(submit());
    await results(1);
    await person.click(submit());
    const [newest, oldest] = await results(2);

    expect(oldest).toHaveTextContent(/Executed.*Keynone.*u-1/);
    expect(newest).toHaveTextContent(/Executed again.*Keynone.*u-2/);
    const [first, second] = posts();
    expect(first?.headers.has('Idempotency-Key')).toBe(false);
    expect(await second?.text()).toBe(await first?.text());
  });

  it('never retries by itself', async () => {
    const { person, posts, submit, results } = open({
      ...recordingApi(),
      'POST /api/unprotected/payments': () => {
        throw new TypeError('connection reset');
      },
    });
    await person.click(screen.getByRole('switch', { name: 'Idempotency' }));
    await person.click(submit());
    const [result] = await results(1);
    expect(result).toHaveTextContent(/No answer.*connection reset/);
    expect(posts()).toHaveLength(1);
  });
});

describe('what goes wrong', () => {
  const invalid = problem(422, 'validation-failed', {
    detail: 'The payment is not valid.',
    errors: [{ field: 'amount', detail: 'must be a positive integer' }],
  });

  it('is shown at its field, which gets the focus, until it is edited', async () => {
    const { person, submit, results } = open({ ...recordingApi(), 'POST /api/payments': () => invalid.clone() });
    await person.click(submit());
    const [result] = await results(1);

    const amount = screen.getByLabelText('Amount');
    expect(amount).toHaveFocus();
    expect(amount).toBeInvalid();
    expect(amount).toHaveAccessibleDescription(/must be a positive integer/);
    expect(result).toHaveTextContent(/Refused422.*The payment is not valid\.amount must be a positive integer/);

    await person.type(amount, '1');
    expect(amount).toBeValid();
  });

  it('is announced', async () => {
    const { person, submit } = open({ ...recordingApi(), 'POST /api/payments': () => invalid.clone() });
    await person.click(submit());
    expect(await screen.findByText(/^Submission 1: Refused, status 422, \d+ milliseconds, The payment/)).toHaveRole(
      'status',
    );
  });

  it.each([
    ['a text that has no canonical form', '\ud800', () => json(201, payment('p-1')), /^Not sent.*no JSON form/],
    [
      'an answer that is no JSON',
      'tea',
      () => new Response('<h1>Welcome</h1>', { status: 201 }),
      /^No answer.*no JSON/,
    ],
  ])('is an outcome like any other: %s', async (_, description, answer, expected) => {
    const { person, submit, results } = open({ ...recordingApi(), 'POST /api/payments': answer });
    await person.clear(screen.getByLabelText('Description'));
    await person.click(screen.getByLabelText('Description'));
    await person.paste(description);
    await person.click(submit());
    const [result] = await results(1);
    expect(result).toHaveTextContent(expected);
  });
});

describe('a new session', () => {
  it('has another scope, and starts with nothing', async () => {
    const { person, posts, submit, results, sessions } = open(recordingApi());
    await person.click(submit());
    await results(1);
    await person.click(screen.getByRole('button', { name: 'New session' }));
    expect(screen.getAllByText(/Nothing sent yet/)).not.toHaveLength(0);
    expect(sessions.get().requestsSent).toBe(0);

    await person.click(submit());
    await results(1);
    const [first, second] = posts();
    expect(second?.headers.get('Demo-Session')).not.toBe(first?.headers.get('Demo-Session'));
  });
});

describe('the other operations', () => {
  it.each([
    ['Customer', '/api/customers', { name: 'Ada Lovelace', email: 'ada@example.org' }, 'Ada Lovelace ada@example.org'],
    ['Order', '/api/orders', { sku: 'mug', quantity: 2 }, '2 × mug'],
  ])('ask for a %s', async (name, path, body, shown) => {
    const { person, posts, submit, results } = open({
      ...recordingApi(),
      [`POST ${path}`]: () => json(201, { id: 'r-1', ...body }),
    });
    await person.click(screen.getByRole('radio', { name }));
    expect(screen.queryByRole('switch', { name: 'Idempotency' })).not.toBeInTheDocument();
    await person.click(submit());
    const [result] = await results(1);
    expect(result).toHaveTextContent(shown);
    expect(result).toHaveTextContent('r-1');
    await expect(posts()[0]?.json()).resolves.toEqual(body);
    expect(posts()[0]?.headers.get('Idempotency-Key')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('the requests', () => {
  it('outlive a reload, and can be filtered and forgotten', async () => {
    const { person, submit, resend, results } = open(recordingApi());
    await person.click(submit());
    await results(1);
    await person.click(resend());
    await results(2);
    cleanup();

    open(recordingApi());
    expect(await results(2)).toHaveLength(2);
    await person.selectOptions(screen.getByLabelText('Filter by outcome'), 'Executed');
    expect(await results(2)).toHaveLength(1);
    const requests = within(screen.getByRole('region', { name: 'Requests' }));
    await person.click(requests.getByRole('button', { name: 'Clear' }));
    expect(screen.queryByRole('list', { name: /^Results/ })).not.toBeInTheDocument();
  });

  it('show the record behind the one that is selected', async () => {
    const { person, submit, results } = open({
      ...recordingApi(),
      'GET /api/idempotency-records/*': () =>
        json(200, {
          id: 'payments.create#hash',
          status: 'COMPLETED',
          owner: 'OWNER',
          fingerprint: 'f1',
          expiresAt: new Date(Date.now() + 3_600_500).toISOString(),
          size: 337,
        }),
    });
    await person.click(submit());
    await results(1);
    await person.click(screen.getByRole('button', { name: /^Request 1:/ }));
    const record = within(screen.getByRole('region', { name: 'Record' }));
    expect(await record.findByText('COMPLETED')).toBeVisible();
    expect(record.getByText('337 bytes')).toBeVisible();
    expect(record.getByText(/^(1 h 0|\d+) min \d+ s left$/)).toBeVisible();
  });
});

describe('the client cache', () => {
  it('lists what is stored, and clears one or all', async () => {
    const { person, submit, results } = open(recordingApi());
    const cache = within(screen.getByRole('region', { name: 'Client cache' }));
    expect(await cache.findByText(/^Empty\./)).toBeVisible();
    await person.click(submit());
    await results(1);
    await person.click(screen.getByRole('button', { name: 'Submit as new' }));
    await results(2);
    await waitFor(() => expect(cache.getAllByRole('listitem')).toHaveLength(2));
    expect(cache.getAllByRole('listitem')[0]).toHaveTextContent(/€12\.50 succeeded.*left$/);

    await person.click(cache.getAllByRole('button', { name: /^Clear €12\.50/ })[0] as HTMLElement);
    await waitFor(() => expect(cache.getAllByRole('listitem')).toHaveLength(1));
    await person.click(cache.getByRole('button', { name: 'Clear all' }));
    expect(await cache.findByText(/^Empty\./)).toBeVisible();
  });

  it('says so if nothing can be cleared any more, and keeps the session', async () => {
    vi.stubGlobal('indexedDB', new IDBFactory());
    vi.stubGlobal('IDBKeyRange', IDBKeyRange);
    const { person, submit, results, sessions } = open(recordingApi());
    await person.click(submit());
    await results(1);
    const { id } = sessions.get();
    const cache = within(screen.getByRole('region', { name: 'Client cache' }));
    const clearAll = cache.getByRole('button', { name: 'Clear all' });
    await waitFor(() => expect(clearAll).toBeEnabled());
    const bound = () => {
      throw new Error('the disk is gone');
    };
    vi.stubGlobal('IDBKeyRange', { bound });

    await person.click(clearAll);
    expect(await cache.findByRole('alert')).toHaveTextContent('Not cleared: the disk is gone');
    await person.click(screen.getByRole('button', { name: 'New session' }));
    expect(await screen.findByText(/^The old session is still here.*the disk is gone$/)).toHaveRole('alert');
    expect(sessions.get().id).toBe(id);
  });

  it('asks before it gives up on what has no answer yet', async () => {
    vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
    const { person, submit, results } = open(recordingApi());
    await person.click(submit());
    await results(1);
    const cache = within(screen.getByRole('region', { name: 'Client cache' }));
    await cache.findByText(/1 waiting/);
    await person.click(cache.getByRole('button', { name: 'Clear all' }));
    expect(cache.getByRole('alert')).toHaveTextContent('One intent has no answer yet');
    await person.click(cache.getByRole('button', { name: 'Keep' }));
    expect(cache.getByText(/1 waiting/)).toBeVisible();
    await person.click(cache.getByRole('button', { name: 'Clear all' }));
    await person.click(cache.getByRole('button', { name: 'Clear all the same' }));
    expect(await cache.findByText(/^Empty\./)).toBeVisible();
    await waitFor(async () => expect((await results(1))[0]).toHaveTextContent(/No answer.*it was cleared/));
  });
});

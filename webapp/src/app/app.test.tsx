import { render, screen, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { createSessionStore } from '../shared/session.ts';
import { json, problem, type Route, serve } from '../testing/network.ts';
import { testConfig } from '../testing/render-app.tsx';
import { App } from './app.tsx';

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
    'GET /api/executions': () => json(200, nothing),
    'POST /api/payments': ({ headers }) => {
      const key = headers.get('Idempotency-Key') ?? '';
      const replayed = recorded.has(key);
      recorded.add(key);
      return json(201, payment(`p-${recorded.size}`), replayed ? { 'Idempotent-Replayed': 'true' } : {});
    },
    'POST /api/unprotected/payments': () => {
      paid += 1;
      return json(201, payment(`u-${paid}`));
    },
  };
}

function open(routes: Record<string, Route>) {
  const requests = serve(routes);
  const sessions = createSessionStore();
  render(<App config={testConfig} sessions={sessions} />);
  return {
    person: userEvent.setup(),
    sessions,
    posts: () => requests.filter(({ method }) => method === 'POST'),
    submit: () => screen.getByRole('button', { name: 'Submit' }),
    again: () => screen.getByRole('button', { name: 'Submit the same again' }),
    /** The results, newest first, once there are as many settled ones as expected. */
    results: async (count: number) => {
      await screen.findByText(new RegExp(`^Submission ${count}: (?!sending)`));
      return within(screen.getByRole('list', { name: /^Results/ })).getAllByRole('listitem');
    },
  };
}

describe('with idempotency', () => {
  it('submits the same again with the same key and the same bytes, and shows the replay', async () => {
    const { person, posts, submit, again, results, sessions } = open(recordingApi());
    expect(again()).toBeDisabled();
    await person.click(submit());
    await results(1);
    await person.click(again());
    const [newest, oldest] = await results(2);

    expect(oldest).toHaveTextContent('Executed201€12.50 Two coffees and a cake');
    expect(newest).toHaveTextContent('Server replay201€12.50 Two coffees and a cakeagain');
    expect(newest).toHaveTextContent('p-1');

    const [first, second] = posts();
    expect(second?.headers.get('Idempotency-Key')).toBe(first?.headers.get('Idempotency-Key'));
    expect(second?.headers.get('Demo-Session')).toBe(sessions.get().id);
    expect(await second?.text()).toBe(await first?.text());
    expect(sessions.get().requestsSent).toBe(2);
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

  it('takes a double press of Submit for one intent', async () => {
    let answer = () => {};
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { person, posts, submit, results } = open({
      ...recordingApi(),
      'POST /api/payments': () => slow.then(() => json(201, payment('p-1'))),
    });
    await person.dblClick(submit());
    answer();
    expect(await results(1)).toHaveLength(1);
    expect(posts()).toHaveLength(1);
  });
});

describe('without idempotency', () => {
  it('sends no key, and repeats the body alone', async () => {
    const { person, posts, submit, again, results } = open(recordingApi());
    await person.click(screen.getByRole('switch', { name: 'Idempotency' }));
    await person.click(submit());
    await results(1);
    await person.click(again());
    const [newest, oldest] = await results(2);

    expect(oldest).toHaveTextContent(/Executed.*Keynone.*u-1/);
    expect(newest).toHaveTextContent(/Executed.*Keynone.*u-2/);
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
    ['a text that has no canonical form', '\ud800', () => json(201, payment('p-1')), /^Not sent.*surrogate/],
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
    expect(screen.getByText(/Nothing sent yet/)).toBeVisible();
    expect(sessions.get().requestsSent).toBe(0);

    await person.click(submit());
    await results(1);
    const [first, second] = posts();
    expect(second?.headers.get('Demo-Session')).not.toBe(first?.headers.get('Demo-Session'));
  });
});

describe('the colour scheme', () => {
  it('follows the system until one is chosen', async () => {
    const { person } = open(recordingApi());
    const schemes = screen.getByRole('radiogroup', { name: 'Colour scheme' });
    expect(within(schemes).getByRole('radio', { name: 'Like the system' })).toBeChecked();
    await person.click(within(schemes).getByRole('radio', { name: 'Dark' }));
    expect(document.documentElement).toHaveAttribute('data-mantine-color-scheme', 'dark');
  });
});

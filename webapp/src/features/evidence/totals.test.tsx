import { screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { json, problem, serve } from '../../testing/network.ts';
import { renderWithApi } from '../../testing/render-app.tsx';
import { Ledger, Totals } from './index.ts';

const charge = {
  id: 'e-1',
  kind: 'charge',
  operation: 'payments.create',
  resource: 'pay-1',
  detail: { amount: 1250, currency: 'EUR', reference: 'ref-1' },
  at: '2026-01-01T10:00:00Z',
};

const nothing = { executions: [], effects: [], executionCount: 0, effectCount: 0, truncated: false };
const one = { ...nothing, effects: [charge], executionCount: 1, effectCount: 1 };

/** The number shown under a name. */
async function figure(name: string): Promise<string | null | undefined> {
  const term = await screen.findByText(name);
  return term.parentElement?.querySelector('dd')?.textContent;
}

describe('the totals', () => {
  it('shows what was asked, what ran and what it did, of this session only', async () => {
    const requests = serve({ 'GET /api/executions': () => json(200, one) });
    const { sessions } = renderWithApi(<Totals requestsSent={2} />);

    await waitFor(async () => expect(await figure('Handler executions')).toBe('1'));
    expect(await figure('Requests sent')).toBe('2');
    expect(await figure('Effects')).toBe('1');
    expect(requests.map((request) => request.headers.get('Demo-Session'))).toEqual([sessions.get().id]);
  });

  it('shows no number that it does not know', async () => {
    serve({ 'GET /api/executions': () => new Promise<never>(() => {}) });
    renderWithApi(<Totals requestsSent={1} />);
    expect(await figure('Requests sent')).toBe('1');
    expect(await figure('Effects')).toBe('–');
  });

  it('tells why it can not be read, and tries again when asked', async () => {
    let down = true;
    serve({
      'GET /api/executions': () =>
        down ? problem(503, 'store-unavailable', { detail: 'The store does not answer.' }) : json(200, one),
    });
    const { person } = renderWithApi(<Totals requestsSent={2} />);

    expect(await screen.findByText(/The store does not answer\./)).toBeVisible();
    down = false;
    await person.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(async () => expect(await figure('Effects')).toBe('1'));
  });
});

describe('the ledger', () => {
  it('has a row for each effect', async () => {
    const effect = (kind: string, detail: unknown) => ({ ...charge, id: kind, kind, resource: `${kind}-1`, detail });
    const effects = [
      effect('customer', { email: 'ada@example.org' }),
      effect('order', { sku: 'mug', quantity: 2 }),
      effect('refund', { of: 'pay-1' }),
      effect('note', null),
      charge,
    ];
    serve({ 'GET /api/executions': () => json(200, { ...one, effects }) });
    renderWithApi(<Ledger />);

    const rows = within(await screen.findByRole('list', { name: 'Effects, newest first' })).getAllByRole('listitem');
    expect(rows.map(({ textContent }) => textContent.replace(/payments\.create.*/, ''))).toEqual([
      'customer ada@example.orgcustomer-1',
      'order 2 × mugorder-1',
      'refundrefund-1',
      'notenote-1',
      'charge €12.50pay-1',
    ]);
  });

  it('says so where it is empty', async () => {
    serve({ 'GET /api/executions': () => json(200, nothing) });
    renderWithApi(<Ledger />);
    expect(await screen.findByText(/No effects yet/)).toBeVisible();
  });

  it('owns up to showing only a part', async () => {
    serve({ 'GET /api/executions': () => json(200, { ...one, truncated: true }) });
    renderWithApi(
      <>
        <Totals requestsSent={900} />
        <Ledger />
      </>,
    );
    expect(await screen.findByText('the newest 1')).toBeVisible();
    expect(await figure('Effects')).toBe('1+');
  });
});

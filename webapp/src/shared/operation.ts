import { formatMoney } from '../model/money.ts';
import type { Operation } from './submission.ts';

const paths: Readonly<Record<Operation, string>> = {
  'customers.create': '/customers',
  'payments.create': '/payments',
  'orders.create': '/orders',
};

/** The path below the API's root to which the operation is posted. */
export function pathOf(operation: Operation): string {
  return paths[operation];
}

/**
 * A request, an effect's detail or anything else of the API's as people say it: the gist, and the rest of it. Members
 * that are missing are left out, because a newer API may know other ones.
 */
export function describe(body: unknown): { readonly gist: string; readonly rest: string } {
  const { amount, currency, description, name, email, sku, quantity } = (body ?? {}) as Record<string, unknown>;
  if (amount !== undefined && typeof currency === 'string') {
    const gist = typeof amount === 'number' ? formatMoney(amount, currency) : `${amount} ${currency}`.trim();
    return { gist, rest: text(description) };
  }
  if (sku !== undefined) {
    return { gist: quantity === undefined ? text(sku) : `${text(quantity)} × ${text(sku)}`, rest: '' };
  }
  return { gist: text(name ?? email), rest: name === undefined ? '' : text(email) };
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

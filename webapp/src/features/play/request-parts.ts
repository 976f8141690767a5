import type { Sent } from '../../model/sightings.ts';
import { pathOf } from '../../shared/operation.ts';
import type { Operation } from '../../shared/submission.ts';

/** The operation that an address asks for. */
export function operationOf(address: string): Operation {
  return (
    (['payments.create', 'orders.create', 'customers.create'] as const).find((operation) =>
      new URL(address).pathname.endsWith(pathOf(operation)),
    ) ?? 'payments.create'
  );
}

/** The operation's name in the API's ledger. */
export function ledgerOperation(address: string): string {
  const operation = operationOf(address);
  return new URL(address).pathname.includes('/unprotected/') ? `unprotected-${operation}` : operation;
}

/** The idempotency key among headers, without its quotes. */
export function keyIn(headers: Headers): string | undefined {
  return headers.get('Idempotency-Key')?.replaceAll('"', '');
}

/** A request's body as text. */
export function textOf(body: RequestInit['body']): string {
  if (body instanceof Uint8Array) {
    return new TextDecoder().decode(body);
  }
  return typeof body === 'string' ? body : '';
}

/** What a request's body asks for: what is to be charged, and whether a receipt is to be sent. */
export function bodyOf(body: RequestInit['body']): Pick<Sent, 'amount' | 'currency' | 'receipt'> {
  const { amount, currency, receipt } = jsonOf(textOf(body));
  return {
    ...(receipt === true && { receipt }),
    ...(typeof amount === 'number' && { amount }),
    ...(typeof currency === 'string' && { currency }),
  };
}

/** The members of a JSON object; none of anything else. */
export function jsonOf(
  text: string,
): { readonly [name: string]: string | undefined } & { readonly amount?: unknown; readonly receipt?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as never) : {};
  } catch {
    return {};
  }
}

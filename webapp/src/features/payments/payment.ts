import { formatMoney } from '../../shared/money.ts';

/** What the form holds: text, as typed. */
export interface PaymentDraft {
  readonly amount: string;
  readonly currency: string;
  readonly description: string;
}

/** What is asked of the API. An amount that is no number goes as it was typed: the API is the one to object. */
export interface PaymentRequest {
  /** Minor units: 1250 is 12.50 EUR. */
  readonly amount: number | string;
  /** ISO 4217. */
  readonly currency: string;
  readonly description: string;
}

/** A payment as the API answers it. */
export interface Payment {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  readonly description: string;
  readonly status: string;
  readonly chargeId: string;
  readonly createdAt: string;
}

/** What a visitor finds in the form. */
export const sensibleDraft: PaymentDraft = { amount: '1250', currency: 'EUR', description: 'Two coffees and a cake' };

/** Two, three and no decimals among them. */
export const currencies = ['EUR', 'USD', 'GBP', 'CHF', 'JPY', 'KWD'];

export function toRequest({ amount, currency, description }: PaymentDraft): PaymentRequest {
  const typed = amount.trim();
  const number = Number(typed);
  return { amount: typed !== '' && Number.isFinite(number) ? number : typed, currency, description };
}

/** The amount as people write it, or as it was typed where it is no number. */
export function describeAmount({ amount, currency }: PaymentRequest): string {
  return typeof amount === 'number' ? formatMoney(amount, currency) : `${amount} ${currency}`.trim();
}

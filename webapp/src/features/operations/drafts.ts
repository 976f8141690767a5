import { formatMoney } from '../../model/money.ts';
import type { Operation } from '../../shared/submission.ts';

/** What a form holds: text, as typed, by field. */
export type Draft = Readonly<Record<string, string>>;

/** One input of a form. */
export interface Field {
  readonly name: string;
  readonly label: string;
  /** What the visitor finds in it. */
  readonly sensible: string;
  /** Said below it, of what it holds. */
  readonly hint: (draft: Draft) => string;
  /** A number goes to the API as a number, where it is one: the API is the one to object. */
  readonly numeric?: boolean;
  /** The values to choose from, instead of typing. */
  readonly choices?: readonly string[];
  /** How much of a row it takes, of five. Default all. */
  readonly span?: 2 | 3;
}

/** What it takes to ask for one operation. */
export interface Form {
  readonly operation: Operation;
  readonly name: string;
  readonly fields: readonly Field[];
}

export const paymentForm: Form = {
  operation: 'payments.create',
  name: 'Payment',
  fields: [
    { name: 'amount', label: 'Amount', sensible: '1250', hint: amountHint, numeric: true, span: 3 },
    {
      name: 'currency',
      label: 'Currency',
      sensible: 'EUR',
      hint: () => 'ISO 4217',
      // Two, three and no decimals among them.
      choices: ['EUR', 'USD', 'GBP', 'CHF', 'JPY', 'KWD'],
      span: 2,
    },
    {
      name: 'description',
      label: 'Description',
      sensible: 'Two coffees and a cake',
      hint: () => 'Up to 200 characters',
    },
  ],
};

/** All operations, in the order in which they are offered. */
export const forms: readonly Form[] = [
  paymentForm,
  {
    operation: 'customers.create',
    name: 'Customer',
    fields: [
      { name: 'name', label: 'Name', sensible: 'Ada Lovelace', hint: () => 'Up to 200 characters' },
      { name: 'email', label: 'Email', sensible: 'ada@example.org', hint: () => 'Nothing is sent to it' },
    ],
  },
  {
    operation: 'orders.create',
    name: 'Order',
    fields: [
      {
        name: 'sku',
        label: 'Article',
        sensible: 'mug',
        hint: () => 'A stock of your own',
        choices: ['mug', 'teapot', 'samovar'],
        span: 3,
      },
      { name: 'quantity', label: 'Quantity', sensible: '2', hint: () => 'From 1 to 100', numeric: true, span: 2 },
    ],
  },
];

/** What a form holds before anybody types. */
export function sensibleDraft({ fields }: Form): Draft {
  return Object.fromEntries(fields.map(({ name, sensible }) => [name, sensible]));
}

/** The body to send. What should be a number and is none goes as it was typed. */
export function toBody({ fields }: Form, draft: Draft): Readonly<Record<string, string | number>> {
  return Object.fromEntries(
    fields.map(({ name, numeric = false }) => [name, numeric ? toNumber(draft[name] ?? '') : (draft[name] ?? '')]),
  );
}

function toNumber(typed: string): string | number {
  const trimmed = typed.trim();
  const number = Number(trimmed);
  return trimmed !== '' && Number.isFinite(number) ? number : trimmed;
}

function amountHint({ amount = '', currency = '' }: Draft): string {
  const number = toNumber(amount);
  return `Minor units: ${Number.isInteger(number) ? formatMoney(Number(number), currency) : '1250 for 12.50'}`;
}

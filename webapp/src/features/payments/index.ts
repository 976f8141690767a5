export { PaymentForm } from './payment-form.tsx';
export { SubmissionList } from './submission-list.tsx';
export { type Payments, usePayments } from './use-payments.ts';

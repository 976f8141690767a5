export { Ledger } from './ledger.tsx';
export { Totals } from './totals.tsx';

export { countActivity, refreshActivity } from './activity.ts';
export { Evidence } from './evidence.tsx';
export { Ledger } from './ledger.tsx';

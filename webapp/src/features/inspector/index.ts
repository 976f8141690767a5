export { Inspector } from './inspector.tsx';
export { refreshRecord } from './record.ts';

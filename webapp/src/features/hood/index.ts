export { Hood as default } from './hood.tsx';

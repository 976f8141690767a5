export { Hood } from './hood.tsx';

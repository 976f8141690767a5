export { ClientCache } from './client-cache.tsx';

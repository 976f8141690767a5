export { ByHand } from './by-hand.tsx';

export { HowItWorks } from './how-it-works.tsx';

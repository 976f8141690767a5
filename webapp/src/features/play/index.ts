export { Hero } from './hero.tsx';
export { type HoodProps, PlayView } from './play-view.tsx';
export { beSecondTab, secondTabOf } from './second-tab.ts';

import type { Face } from '../model/tracks.ts';

/** A drawing on a 16 × 16 grid: paths that are stroked, and paths that are filled. */
export interface Drawing {
  readonly stroke?: string;
  readonly fill?: string;
}

/** The page's drawings. */
export const drawings = {
  check: { stroke: 'm3.2 8.4 3.1 3.1 6.5-7' },
  bolt: { fill: 'M6.8 1.8 3 9h3.6L5.6 14l5.6-7.4H7.6l1.6-4.8z' },
  replay: { stroke: 'M3.2 8a4.8 4.8 0 1 0 1.6-3.6M3 2.6v2.6h2.6' },
  cross: { stroke: 'm4.2 4.2 7.6 7.6M11.8 4.2l-7.6 7.6' },
  hourglass: {
    stroke:
      'M4.5 2.5h7M4.5 13.5h7M5.2 2.5c0 3 5.6 3.6 5.6 5.5s-5.6 2.5-5.6 5.5M10.8 2.5c0 3-5.6 3.6-5.6 5.5s5.6 2.5 5.6 5.5',
  },
  pause: { stroke: 'M6 4v8M10 4v8' },
  unequal: { stroke: 'M3.5 6h9M3.5 10h9M10.5 3l-5 10' },
  disk: {
    stroke: 'M3.4 4.4a4.6 1.9 0 1 0 9.2 0a4.6 1.9 0 1 0-9.2 0v7.2c0 1 2 1.9 4.6 1.9s4.6-.9 4.6-1.9V4.4',
  },
  ask: { stroke: 'M5.6 5.8a2.4 2.4 0 1 1 3.4 2.2c-.7.4-1 .8-1 1.6M8 12.2v.2' },
  play: { fill: 'M4.5 2.8v10.4L13 8z' },
  left: { stroke: 'M10 3.5 5.5 8l4.5 4.5' },
  right: { stroke: 'M6 3.5 10.5 8 6 12.5' },
  arrow: { stroke: 'M3 8h9.5M8.8 4.2 12.6 8l-3.8 3.8' },
  link: {
    stroke:
      'M6.7 9.3a2.6 2.6 0 0 0 3.7 0l2.2-2.2a2.6 2.6 0 0 0-3.7-3.7l-.8.8M9.3 6.7a2.6 2.6 0 0 0-3.7 0L3.4 8.9a2.6 2.6 0 0 0 3.7 3.7l.8-.8',
  },
  offline: { stroke: 'M2 5.5a9 9 0 0 1 12 0M4.4 8.2a5.4 5.4 0 0 1 7.2 0M8 11.4v.1M2.5 13.5l11-11' },
  sun: {
    stroke:
      'M5.2 8a2.8 2.8 0 1 0 5.6 0a2.8 2.8 0 1 0-5.6 0M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M3.4 12.6l1.1-1.1M11.5 4.5l1.1-1.1',
  },
  moon: { stroke: 'M13.2 9.9A5.6 5.6 0 0 1 6.1 2.8a5.6 5.6 0 1 0 7.1 7.1z' },
  screen: {
    stroke:
      'M3.5 3h9A1.5 1.5 0 0 1 14 4.5v5a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 2 9.5v-5A1.5 1.5 0 0 1 3.5 3zM6 13.5h4',
  },
} as const satisfies Record<string, Drawing>;

const faces: Readonly<Record<Exclude<Face, 'request'>, keyof typeof drawings>> = {
  executed: 'check',
  'executed-again': 'bolt',
  reconciled: 'check',
  'server-replay': 'replay',
  'client-cache': 'disk',
  queued: 'pause',
  waiting: 'hourglass',
  'in-progress': 'hourglass',
  mismatch: 'unequal',
  'no-answer': 'ask',
  expired: 'ask',
  refused: 'cross',
  failed: 'cross',
};

/** The drawing that goes with what became of a request. */
export function faceDrawing(face: Exclude<Face, 'request'>): Drawing {
  return drawings[faces[face]];
}

/** A drawing in the text's colour and size. It says nothing to screen readers: the text beside it does. */
export function Icon({ name }: { name: keyof typeof drawings }) {
  return <Draw drawing={drawings[name]} />;
}

function Draw({ drawing }: { drawing: Drawing }) {
  return (
    <svg className="i" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {drawing.stroke && <path d={drawing.stroke} />}
      {drawing.fill && <path className="fill" d={drawing.fill} />}
    </svg>
  );
}

/** A request's mark, as in the legend and in lists. */
export function FaceMark({ face, keyed = false }: { face: Face; keyed?: boolean }) {
  return (
    <i className="face" data-face={face === 'request' && keyed ? 'keyed' : face} aria-hidden="true">
      {face !== 'request' && <Draw drawing={faceDrawing(face)} />}
    </i>
  );
}

const svg = 'http://www.w3.org/2000/svg';

/** The same for elements that are made outside React. */
export function drawingElement({ stroke, fill }: Drawing): SVGElement {
  const element = document.createElementNS(svg, 'svg');
  element.setAttribute('class', 'i');
  element.setAttribute('viewBox', '0 0 16 16');
  for (const [d, name] of [
    [stroke, ''],
    [fill, 'fill'],
  ] as const) {
    if (d !== undefined) {
      const path = document.createElementNS(svg, 'path');
      path.setAttribute('d', d);
      path.setAttribute('class', name);
      element.append(path);
    }
  }
  return element;
}

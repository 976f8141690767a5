import type { Box, Geometry } from '../model/tracks.ts';

/** The parts of a lane that requests move between. */
export interface Stations {
  readonly map: HTMLElement;
  readonly browser: HTMLElement;
  readonly api: HTMLElement;
  readonly fn: HTMLElement;
  readonly record: HTMLElement;
  readonly handler: HTMLElement;
  readonly ledger: HTMLElement;
  readonly towers: HTMLElement;
}

/** Reads from the document where everything of a lane stands. @param slots each request's place */
export function measure(
  stations: Stations,
  slots: ReadonlyMap<number, HTMLElement>,
  { keyed, requests }: { readonly keyed: boolean; readonly requests: number },
): Geometry {
  const base = stations.map.getBoundingClientRect();
  const box = (element: Element): Box & { readonly cx: number; readonly cy: number } => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    return {
      x0: left - base.left,
      x1: right - base.left,
      y0: top - base.top,
      y1: bottom - base.top,
      cx: (left + right) / 2 - base.left,
      cy: (top + bottom) / 2 - base.top,
    };
  };
  const styles = getComputedStyle(stations.map);
  const down = styles.getPropertyValue('--flow').trim() === 'down';
  const d = Number.parseFloat(styles.getPropertyValue('--d')) || 24;
  const [browser, api, fn, record, handler, ledger] = [
    box(stations.browser),
    box(stations.api),
    box(stations.fn),
    box(stations.record),
    box(stations.handler),
    box(stations.ledger),
  ];
  const gap = d / 2 + 3;
  const along = down
    ? {
        out: (browser.y1 + api.y0) / 2,
        api: api.cy,
        back: (api.y1 + fn.y0) / 2,
        door: fn.y0 - gap,
        gate: record.y0 - gap,
        record: record.cy,
        handler: handler.cy,
        till: ledger.y0 + 4,
      }
    : {
        out: (browser.x1 + api.x0) / 2,
        api: api.cx,
        back: (api.x1 + fn.x0) / 2,
        door: fn.x0 - gap,
        gate: record.x0 - gap,
        record: record.cx,
        handler: handler.cx,
        till: ledger.x0 - 2,
      };
  const places = new Map([...slots].map(([req, element]) => [req, box(element)]));
  return {
    down,
    d,
    middle: down ? fn.cx : fn.cy,
    breadth: Math.max(8, down ? Math.min(fn.x1 - fn.x0 - d - 20, 108) : Math.min(fn.y1 - fn.y0 - d - 26, 100)),
    along: keyed || requests === 0 ? along : { ...along, door: along.record, gate: along.record },
    slots: new Map([...places].map(([req, { cx, cy }]) => [req, { x: cx, y: cy }])),
    towers: box(stations.towers),
  };
}

import type { Intent } from './intent.ts';
import { readDate } from './retry.ts';
import type { Runtime } from './runtime.ts';

/**
 * The device's clock, and what the servers' responses say of it. It may be wrong by days and be set at any time; what
 * counts is how much time has passed by the servers' clocks.
 */
export interface Clock extends Pick<Runtime, 'now' | 'uptime'> {
  /** Learns from a response that has just come from this address. Returns how far the device is ahead, if it says so. */
  learn(url: string, headers: Headers): number | undefined;
  /**
   * By how much the device's clock has been set ahead since the intent's last response, in milliseconds, as far as later
   * responses of the same server say so; else 0.
   */
  setSince(intent: Pick<Intent, 'url' | 'skew'>): number;
  /** The present time as the device's clock would say it if nobody had set it since the intent's last response. */
  nowFor(intent: Pick<Intent, 'url' | 'skew'>): number;
}

export function createClock({ now, uptime }: Pick<Runtime, 'now' | 'uptime'>): Clock {
  const skews = new Map<string, number>();
  const setSince = ({ url, skew }: Pick<Intent, 'url' | 'skew'>) =>
    skew === undefined ? 0 : (skews.get(originOf(url)) ?? skew) - skew;
  return {
    now,
    uptime,
    setSince,
    learn: (url, headers) => {
      const date = readDate(headers, 'Date');
      const skew = date === undefined ? date : now() - date;
      if (skew !== undefined) {
        skews.set(originOf(url), skew);
      }
      return skew;
    },
    nowFor: (intent) => now() - setSince(intent),
  };
}

/** The origin of an absolute URL. */
export function originOf(url: string): string {
  return url.split('/', 3).join('/');
}

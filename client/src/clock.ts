import type { Intent } from './intent.ts';
import { readDate } from './retry.ts';
import type { Runtime } from './runtime.ts';

/**
 * The device's clock, and what the servers' responses say of it. It may be wrong by days and be set at any time; what
 * counts is how much time has passed by the servers' clocks.
 */
export interface Clock extends Pick<Runtime, 'now' | 'uptime'> {
  /**
   * Learns from the headers of a response that has just come, and returns the intent with what it says of time: how far
   * the device's clock is ahead, and when the window ends. Without a `Date` the device's clock decides, which may be
   * wrong: then the window only becomes shorter.
   */
  learn(intent: Intent, headers: Headers): Intent;
  /**
   * By how much the device's clock has been set ahead since the intent's last response, in milliseconds, as far as later
   * responses of the same server say so; else 0.
   */
  setSince(intent: Pick<Intent, 'url' | 'skew'>): number;
  /** The present time by the clock of the server that said it last, or NaN if none has. */
  served(): number;
  /** The present time as the device's clock would say it if nobody had set it since the intent's last response. */
  nowFor(intent: Pick<Intent, 'url' | 'skew'>): number;
}

/** @param windowMs the longest window that is believed without a `Date` */
export const createClock = ({ now, uptime }: Pick<Runtime, 'now' | 'uptime'>, windowMs: number): Clock => {
  const skews = new Map<string, number>();
  let skewed = NaN;
  const setSince = ({ url, skew = NaN }: Pick<Intent, 'url' | 'skew'>) =>
    (skews.get(originOf(url)) ?? skew) - skew || 0; // NaN if one of them is unknown
  return {
    now,
    uptime,
    setSince,
    learn: (intent, headers) => {
      const here = now();
      const there = readDate(headers, 'Date');
      const left = readDate(headers, 'Idempotency-Expires') - (there || here);
      if (there) {
        skewed = here - there;
        skews.set(originOf(intent.url), skewed);
      }
      return {
        ...intent,
        skew: there ? skewed : intent.skew,
        expiresAt: left > 0 && (there || left <= windowMs) ? here + left : intent.expiresAt,
      };
    },
    served: () => now() - skewed,
    nowFor: (intent) => now() - setSince(intent),
  };
};

/** The origin of an absolute URL. */
export const originOf = (url: string): string => url.split('/', 3).join('/');

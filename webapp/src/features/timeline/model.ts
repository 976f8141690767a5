import type { Call } from '../../shared/calls.ts';
import { type Attempt, type Submission, type Verdict, verdictOf } from '../../shared/submission.ts';

/** Part of the axis: 0 is its beginning, 1 its end. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A timeline, ready to be drawn. */
export interface Timeline {
  /** The axis' length in milliseconds. */
  readonly lengthMs: number;
  readonly ticks: readonly Tick[];
  /** Oldest first. */
  readonly rows: readonly Row[];
}

export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** One submission's swimlane. */
export interface Row {
  readonly submission: Submission;
  readonly verdict: Verdict;
  /** So far, where it is under way. */
  readonly durationMs: number;
  /** From the press to the end, waits included. */
  readonly browser: Span;
  readonly attempts: readonly (Span & { readonly attempt: Attempt })[];
  readonly calls: readonly (Span & { readonly call: Call })[];
}

/** How long nothing may have happened between two presses for them to belong together, in milliseconds. */
const pause = 5_000;

/** How many rows there are at most. */
const capacity = 50;

/**
 * The submissions to draw together: those of a scenario's run or, by hand, those that followed each other closely.
 *
 * @param all newest first
 * @param selected the one to be among them; the newest where there is no such
 * @returns oldest first
 */
export function together(all: readonly Submission[], selected?: string): readonly Submission[] {
  const position = Math.max(
    0,
    all.findIndex(({ id }) => id === selected),
  );
  const chosen = all[position];
  if (chosen === undefined) {
    return [];
  }
  if (chosen.run !== undefined) {
    return all
      .filter(({ run }) => run === chosen.run)
      .reverse()
      .slice(0, capacity);
  }
  let first = position;
  let last = position;
  while (follows(all[first - 1], all[first])) {
    first--;
  }
  while (follows(all[last], all[last + 1])) {
    last++;
  }
  return all
    .slice(first, last + 1)
    .reverse()
    .slice(-capacity);
}

function follows(later: Submission | undefined, earlier: Submission | undefined): boolean {
  return (
    later !== undefined &&
    earlier !== undefined &&
    later.run === undefined &&
    earlier.run === undefined &&
    later.startedAt - endOf(earlier, later.startedAt) < pause
  );
}

/**
 * Lays submissions out on one axis.
 *
 * @param submissions oldest first
 * @param calls by the request that each belongs to, as far as that is known
 * @param now where what is under way ends for now, in epoch milliseconds
 */
export function layOut(submissions: readonly Submission[], calls: ReadonlyMap<Attempt, Call>, now: number): Timeline {
  const start = Math.min(...submissions.map(({ startedAt }) => startedAt));
  const end = Math.max(...submissions.map((one) => endOf(one, now)), start + 10);
  // A little air, so that the last bar doesn't touch the edge.
  const lengthMs = (end - start) * 1.02;
  const place = (from: number, to: number): Span => ({
    from: clamp((from - start) / lengthMs),
    to: clamp((to - start) / lengthMs),
  });
  return {
    lengthMs,
    ticks: ticks(lengthMs),
    rows: submissions.map((submission) => {
      const until = endOf(submission, now);
      return {
        submission,
        verdict: verdictOf(submission),
        durationMs: until - submission.startedAt,
        browser: place(submission.startedAt, until),
        attempts: submission.attempts.map((attempt) => ({
          ...place(attempt.startedAt, attempt.endedAt ?? until),
          attempt,
        })),
        calls: submission.attempts.flatMap((attempt) => {
          const call = calls.get(attempt);
          const at = call && Date.parse(call.at);
          return call && at !== undefined ? [{ ...place(at - call.durationMs, at), call }] : [];
        }),
      };
    }),
  };
}

/** Where a bar's caption is written. */
export type CaptionPlace = 'after' | 'before' | 'inside';

/** How much of the axis a caption takes. */
const captionLength = 0.22;

/**
 * Finds room for a bar's caption, on a lane with other bars: after it, before it or in it. Undefined where there is none.
 *
 * @param bars of the lane, in order; a caption that has found room before another's keeps it
 */
export function placeOfCaption(bars: readonly Span[], index: number): CaptionPlace | undefined {
  const bar = bars[index];
  if (bar === undefined) {
    return undefined;
  }
  const previous = bars[index - 1];
  const taken =
    previous === undefined ? 0 : previous.to + (placeOfCaption(bars, index - 1) === 'after' ? captionLength : 0);
  if ((bars[index + 1]?.from ?? 1) - bar.to >= captionLength) {
    return 'after';
  }
  if (bar.from - taken >= captionLength) {
    return 'before';
  }
  return bar.to - bar.from >= captionLength ? 'inside' : undefined;
}

function endOf({ startedAt, settlement, attempts }: Submission, now: number): number {
  if (settlement === undefined) {
    return Math.max(now, startedAt);
  }
  // Of what had attempts, their end is known better than how long the caller waited.
  const ends = attempts.map((attempt) => attempt.endedAt ?? startedAt);
  const waited = ends.length === 0 || settlement.outcome.kind === 'expired' || settlement.outcome.kind === 'queued';
  return Math.max(startedAt, ...ends, ...(waited ? [startedAt + settlement.latencyMs] : []));
}

/** Round moments, some four to six of them. */
function ticks(lengthMs: number): readonly Tick[] {
  const rough = lengthMs / 5;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= rough) ?? rough;
  const count = Math.floor(lengthMs / step) + 1;
  return Array.from({ length: count }, (_, i) => ({ at: (i * step) / lengthMs, label: formatDuration(i * step) }));
}

/** A time span as people say it. */
export function formatDuration(ms: number): string {
  if (ms >= 1_000) {
    return `${Number((ms / 1_000).toPrecision(3))} s`;
  }
  return `${ms >= 10 ? Math.round(ms) : Number(ms.toFixed(1))} ms`;
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

import type { Fact, Lane } from '../../model/facts.ts';
import { type LaneScript, timed } from '../../model/moment.ts';
import type { Scenario } from '../../model/scenarios.ts';
import { tell } from '../../model/tell.ts';
import { clockAt, type Warp, warp } from '../../model/warp.ts';
import type { LaneView } from '../../stage/lane-view.ts';

/** One act in the lane: a press, and what was there before it. */
export interface Act {
  /** The press. The same one again, with more facts, goes on where it is. */
  readonly id: string;
  readonly lane: Lane;
  readonly scenario: Scenario;
  readonly before: readonly Fact[];
  /** Whether the ledger's entry at that place is one too many. */
  readonly isExtra: (place: number) => boolean;
}

/** Plays one press after the other in one lane, as it comes. */
export class HandPlayer {
  private view: LaneView | undefined;
  private act: Act | undefined;
  private script: LaneScript | undefined;
  private laid: Warp | undefined;
  private s = 0;
  private total = 0;
  private mark = 0;
  private frame = 0;
  private playing = false;

  readonly attach = (view: LaneView | undefined): void => {
    this.view?.close();
    this.view = view;
    this.draw();
  };

  /** Plays an act, or goes on with it. @param still whether nothing is to travel, and only its end is shown */
  show(act: Act, still: boolean): void {
    const same = this.act?.id === act.id;
    const laid = warp({ lanes: [act.lane] as never });
    const shown = laid.lanes[0] ?? [];
    const telling = { scenario: act.scenario, protectedLane: act.lane.keyed, expected: 1 };
    this.script = {
      lane: act.lane,
      shown,
      ...telling,
      // Of a single press the end is no news: what it came to is in the sentence about it.
      story: timed(tell({ ...act.lane, ended: false }, telling), shown),
      isExtra: act.isExtra,
      before: { facts: act.before },
    };
    this.act = act;
    this.laid = laid;
    this.total = Math.max(laid.last, this.script.story.at(-1)?.from ?? 0) + 400;
    this.s = still ? this.total : same ? Math.min(this.s, laid.last) : 0;
    this.mark = performance.now() - this.s;
    this.playing = !still;
    this.draw(still);
    cancelAnimationFrame(this.frame);
    if (this.playing) {
      this.frame = requestAnimationFrame(this.tick);
    }
  }

  redraw(): void {
    this.draw();
  }

  close(): void {
    cancelAnimationFrame(this.frame);
  }

  private draw(still = false): void {
    if (this.view !== undefined && this.script !== undefined && this.laid !== undefined) {
      this.view.animate(this.script, this.total, still);
      if (this.playing) {
        this.s = Math.min(this.total, performance.now() - this.mark);
        this.view.play(this.s, 1);
      } else {
        this.view.seek(this.s);
      }
      this.view.paint(this.s, clockAt(this.laid, this.s));
    }
  }

  private readonly tick = (): void => {
    if (this.laid === undefined) {
      return;
    }
    this.s = Math.min(this.total, performance.now() - this.mark);
    this.view?.paint(this.s, clockAt(this.laid, this.s));
    this.playing = this.s < this.total;
    if (this.playing) {
      this.frame = requestAnimationFrame(this.tick);
    }
  };
}

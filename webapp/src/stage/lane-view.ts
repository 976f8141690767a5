import { type LaneScript, type Moment, momentAt } from '../model/moment.ts';
import { type RecordState, recordAt } from '../model/totals.ts';
import { keyframes, large, type Track, tracks } from '../model/tracks.ts';
import { labelOf, type Verdict } from '../model/verdict.ts';
import type { Sentence } from '../model/words.ts';
import { drawingElement, drawings, faceDrawing } from './icons.tsx';
import { measure, type Stations } from './measure.ts';
import { write } from './sentence.tsx';

/** The circumference of the ring that shows the lease. */
const ring = 56.5;

/**
 * Draws one lane into the elements that {@link Lane} has made: its requests and coins, which move by the Web Animations
 * API alone, and everything that is set when the playhead passes a fact.
 */
export class LaneView {
  private readonly root: HTMLElement;
  private readonly parts = new Map<string, HTMLElement>();
  private readonly memo = new Map<string, string>();
  private script: LaneScript | undefined;
  private animations: Animation[] = [];
  private drawn = '';

  constructor(root: HTMLElement) {
    this.root = root;
    for (const element of root.querySelectorAll<HTMLElement>('[data-part]')) {
      this.parts.set(element.dataset.part ?? '', element);
    }
  }

  /**
   * Lays out everything that moves.
   *
   * @param total how long the run is on the screen, in milliseconds
   * @param still whether nothing is to travel
   */
  animate(script: LaneScript, total: number, still: boolean): void {
    this.script = script;
    this.drawn = ''; // the same number of facts may be other facts now
    this.close();
    const air = this.part('air');
    air.replaceChildren();
    const slots = this.slots();
    const requests = [...slots.keys()];
    const geometry = measure(this.stations(), slots, { keyed: script.lane.keyed, requests: requests.length });
    const cut = this.part('cut');
    cut.style.left = `${geometry.down ? geometry.middle : geometry.along.out}px`;
    cut.style.top = `${geometry.down ? geometry.along.out : geometry.middle}px`;

    const dots = new Map<number | undefined, HTMLElement>();
    const all = tracks({
      facts: script.shown,
      requests,
      keyed: script.lane.keyed,
      geometry,
      still,
      ...(script.isExtra && { isExtra: script.isExtra }),
      ...(script.before && { before: script.before.facts.filter(({ kind }) => kind === 'charged').length }),
    });
    const few = requests.length <= large;
    const crowd = requests.length > 24;
    for (const track of all) {
      const target = this.targetOf(track, dots, { few, crowd });
      const [first] = track.frames;
      if (target !== undefined && first !== undefined && track.frames.length === 1) {
        // It stays as it is: no animation is needed, and forty idle ones are not for nothing.
        target.style.opacity = String(first.opacity ?? 1);
        target.style.transform = first.transform ?? '';
      } else if (target !== undefined) {
        const animation = target.animate(keyframes(track.frames, total), { duration: total, fill: 'both' });
        animation.pause();
        this.animations.push(animation);
      }
    }
  }

  /** Jumps to a moment. */
  seek(s: number): void {
    for (const animation of this.animations) {
      animation.currentTime = s;
    }
  }

  play(s: number, speed: number): void {
    for (const animation of this.animations) {
      animation.playbackRate = speed;
      animation.currentTime = s;
      animation.play();
    }
  }

  pause(): void {
    for (const animation of this.animations) {
      animation.pause();
    }
  }

  /** Takes leave of the lane's elements: another view may draw in them. */
  close(): void {
    for (const animation of this.animations) {
      animation.cancel();
    }
    this.animations = [];
  }

  /** Sets what is not a position. Cheap between two facts: only the lease counts. */
  paint(s: number, t: number): void {
    const { script } = this;
    if (script === undefined) {
      return;
    }
    const passed = script.shown.filter((one) => one.s <= s).length;
    const caption = script.story.filter(({ from }) => from <= s).length;
    const blink = script.shown.some((one) => one.fact.kind === 'reloaded' && one.s <= s && s - one.s < 700);
    const now = `${passed} ${caption} ${blink} ${s <= 0}`;
    if (now !== this.drawn) {
      this.drawn = now;
      this.show(momentAt(script, s, t), script);
      this.name(passed, script);
    }
    if (this.root.dataset.record === 'in-progress') {
      const before = script.before?.facts ?? [];
      const facts = script.shown.slice(0, passed).map(({ fact }) => fact);
      this.showLease(recordAt([...before, ...facts], t));
    }
  }

  private show(moment: Moment, { scenario }: LaneScript): void {
    const { record } = moment;
    this.write('caption', moment.caption);
    this.write('sent', moment.sent);
    this.write('runs', moment.runs);
    this.write('stopped', moment.stopped);
    this.write('sum', [moment.sum]);
    this.write('ledger-line', moment.ledger);
    this.write('status', [moment.status]);
    this.mark('tone', moment.ledgerTone);
    this.mark('done', moment.done);
    this.mark('harm', String(moment.harm));
    this.mark('offline', String(moment.offline));
    this.mark('reloading', String(moment.reloading));
    this.mark('second', String(moment.secondTab));
    this.mark('busy', String(moment.handlerBusy));
    this.mark('record', record.status);
    this.mark('mismatch', String(record.mismatch === true));
    const state = this.part('record-state');
    const words = {
      free: 'free',
      'in-progress': 'in progress',
      completed: 'completed',
      forgotten: 'forgotten',
    }[record.status];
    if (this.memo.get('state') !== words) {
      this.memo.set('state', words);
      state.replaceChildren(...(record.status === 'completed' ? [drawingElement(drawings.check)] : []), words);
    }
    const size = [record.httpStatus, record.bytes !== undefined && `${record.bytes} bytes`].filter(Boolean).join(', ');
    const note = {
      free: 'no record yet',
      'in-progress': record.leaseMs === undefined ? (record.dead ? 'its owner is gone' : 'leased') : '',
      completed: record.mismatch
        ? 'another payload'
        : size || (scenario.effect === 'order' ? 'with its order' : 'answer kept'),
      forgotten: 'window over',
    }[record.status];
    this.write('record-note', [note]);
    this.mark('lease', String(record.leaseMs !== undefined && record.status === 'in-progress'));
    const key = this.script?.lane.facts.find((fact) => fact.key !== undefined)?.key;
    this.write('record-key', key === undefined ? [] : [{ key }]);
  }

  private showLease(record: RecordState): void {
    if (record.leaseLeft === undefined || record.leaseMs === undefined || record.leaseMs === 0) {
      return;
    }
    const arc = this.root.querySelector<SVGElement>('.arc');
    if (arc !== null) {
      arc.style.strokeDashoffset = String(ring * (1 - record.leaseLeft / record.leaseMs));
    }
    this.write('lease-left', [`${Math.ceil(record.leaseLeft / 1_000)} s`]);
  }

  /** Names each request for those who hear the page, as soon as it is known what became of it. */
  private name(passed: number, { shown }: LaneScript): void {
    const names = new Map<number, string>();
    for (const { fact } of shown.slice(0, passed)) {
      if (fact.req !== undefined && fact.kind === 'answered') {
        const status = fact.status === undefined ? '' : `, ${fact.status}`;
        names.set(fact.req, `${labelOf(fact.source ?? 'no-answer').toLowerCase()}${status}`);
      } else if (fact.req !== undefined && (fact.kind === 'shared' || fact.kind === 'cached')) {
        names.set(fact.req, labelOf('client-cache').toLowerCase());
      } else if (fact.req !== undefined && (fact.kind === 'queued' || fact.kind === 'expired')) {
        names.set(fact.req, labelOf(fact.kind as Verdict).toLowerCase());
      }
    }
    for (const [req, slot] of this.slots()) {
      const name = names.get(req);
      const label = name === undefined ? `Request ${req}` : `Request ${req}: ${name}`;
      if (slot.getAttribute('aria-label') !== label) {
        slot.setAttribute('aria-label', label);
      }
    }
  }

  private targetOf(
    track: Track,
    dots: Map<number | undefined, HTMLElement>,
    { few, crowd }: { few: boolean; crowd: boolean },
  ): HTMLElement | undefined {
    const add = (parent: HTMLElement, className: string): HTMLElement => {
      const element = document.createElement('div');
      element.className = className;
      parent.append(element);
      return element;
    };
    const air = this.part('air');
    switch (track.what) {
      case 'dot': {
        const dot = add(air, 'dot');
        dots.set(track.req, dot);
        return dot;
      }
      case 'face': {
        const dot = dots.get(track.req);
        if (dot === undefined || track.face === undefined) {
          return undefined;
        }
        const face = add(dot, 'face');
        face.dataset.face = track.face;
        if (track.face !== 'request') {
          if (!crowd) {
            face.append(drawingElement(faceDrawing(track.face)));
          }
        } else if (few) {
          face.append(Object.assign(document.createElement('span'), { textContent: String(track.req) }));
        }
        return face;
      }
      case 'tag': {
        const dot = dots.get(track.req);
        const tag = dot && add(dot, 'tag');
        if (tag !== undefined) {
          tag.textContent = track.text ?? '';
        }
        return tag;
      }
      case 'coin': {
        const coin = add(air, 'coin');
        coin.dataset.extra = String(track.extra);
        coin.style.width = `${track.width}px`;
        coin.style.height = `${track.height}px`;
        return coin;
      }
      case 'shard':
        return add(air, 'shard');
      case 'sum':
        return this.part('sum');
      case 'bolt':
        return this.part('bolt');
      case 'press':
        return this.part('pay');
    }
  }

  private stations(): Stations {
    const names = ['map', 'browser', 'api', 'fn', 'record', 'handler', 'ledger', 'towers'] as const;
    return Object.fromEntries(names.map((name) => [name, this.part(name)])) as unknown as Stations;
  }

  private slots(): ReadonlyMap<number, HTMLElement> {
    const slots = this.root.querySelectorAll<HTMLElement>('[data-slot]');
    return new Map([...slots].map((slot) => [Number(slot.dataset.slot), slot]));
  }

  private part(name: string): HTMLElement {
    const part = this.parts.get(name);
    if (part === undefined) {
      throw new Error(`the lane has no part ${name}`);
    }
    return part;
  }

  private write(name: string, sentence: Sentence): void {
    const text = JSON.stringify(sentence);
    if (this.memo.get(name) !== text) {
      this.memo.set(name, text);
      write(this.part(name), sentence);
    }
  }

  private mark(name: string, value: string): void {
    if (this.root.dataset[name] !== value) {
      this.root.dataset[name] = value;
    }
  }
}

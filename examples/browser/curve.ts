import type { Point } from "shiftgrad";

/** Neighbouring points that are drawn as one: where they are lowest and highest, and their mean. */
interface Bin {
  lowest: Point;
  highest: Point;
  mean: Point;
}

export interface CurveOptions {
  /** Bins at most. A chart that is fewer pixels wide than this shows no difference. */
  limit?: number;
  /** Share of the running mean that a new value leaves of the old one. */
  keep?: number;
}

/**
 * A curve that grows point by point, in x order. However many there are, it is drawn with a bounded
 * number of points: when its bins are full, two neighbours become one. An added point costs the same
 * whether it is the tenth or the millionth.
 */
export class Curve {
  /** Points added. */
  count = 0;
  /** The greatest running mean so far. */
  most = 0;
  readonly #limit: number;
  readonly #keep: number;
  #bins: Bin[] = [];
  /** Points in a bin, and in the last one. */
  #span = 1;
  #filled = 0;
  #mean = 0;
  #weight = 0;

  constructor({ limit = 512, keep = 0.9 }: CurveOptions = {}) {
    this.#limit = limit;
    this.#keep = keep;
  }

  add(x: number, y: number): void {
    // An exponential running mean, corrected for its start.
    this.#mean = this.#keep * this.#mean + (1 - this.#keep) * y;
    this.#weight = this.#keep * this.#weight + (1 - this.#keep);
    const mean: Point = [x, this.#mean / this.#weight];
    this.most = Math.max(this.most, mean[1]);
    this.count++;
    const last = this.#bins.at(-1);
    if (last && this.#filled < this.#span) {
      this.#filled++;
      widen(last, { lowest: [x, y], highest: [x, y], mean });
      return;
    }
    if (this.#bins.length === this.#limit) this.#halve();
    this.#bins.push({ lowest: [x, y], highest: [x, y], mean });
    this.#filled = 1;
  }

  /** The points where there are few, else the lowest and the highest of each bin, in x order. */
  get points(): Point[] {
    return this.#bins.flatMap(({ lowest, highest }) => {
      if (lowest[0] === highest[0]) return [lowest];
      return lowest[0] < highest[0] ? [lowest, highest] : [highest, lowest];
    });
  }

  /** The running mean at the end of each bin. */
  get means(): Point[] {
    return this.#bins.map(({ mean }) => mean);
  }

  #halve(): void {
    const bins: Bin[] = [];
    for (const [i, bin] of this.#bins.entries()) {
      const before = i % 2 === 1 ? bins.at(-1) : undefined;
      if (before) widen(before, bin);
      else bins.push(bin);
    }
    this.#bins = bins;
    this.#span *= 2;
  }
}

function widen(bin: Bin, { lowest, highest, mean }: Bin): void {
  if (lowest[1] < bin.lowest[1]) bin.lowest = lowest;
  if (highest[1] > bin.highest[1]) bin.highest = highest;
  bin.mean = mean;
}

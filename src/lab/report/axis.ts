/** From values to places on a line of a drawing. */
export interface Axis {
  readonly ticks: readonly number[];
  /** The place of a value, to a hundredth. */
  at(value: number): number;
}

/** Maps the span of the ticks onto `from` .. `to`. */
export function axis(ticks: readonly number[], from: number, to: number): Axis {
  const low = ticks[0] ?? 0;
  const high = ticks.at(-1) ?? 1;
  const span = high - low || 1;
  return {
    ticks,
    at: (value) => Number((from + ((value - low) / span) * (to - from)).toFixed(2)),
  };
}

/** Round numbers that enclose low .. high. */
export function roundTicks(low: number, high: number): number[] {
  const step = niceStep((high - low) / 4 || 1, [1, 2, 2.5, 5, 10]);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** Whole numbers, about `most` at most, the first and the last value among them. */
export function wholeTicks(low: number, high: number, most = 8): number[] {
  const step = Math.max(1, niceStep((high - low) / most, [1, 2, 5, 10]));
  const inner: number[] = [];
  for (let t = Math.ceil((low + step / 2) / step) * step; t < high - step / 2; t += step) {
    inner.push(t);
  }
  return low === high ? [low, low + 1] : [low, ...inner, high];
}

/** The least of the factors times a power of ten that is not below `rough`. */
function niceStep(rough: number, factors: readonly number[]): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return (factors.find((f) => f * power >= rough * 0.999) ?? 10) * power;
}

/**
 * Places for labels one above the other: as near to the wanted ones as their order, `gap` between
 * two and the bounds allow.
 */
export function spread(
  wanted: readonly number[],
  gap: number,
  low: number,
  high: number,
): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const places = [...wanted];
  let above = low - gap;
  for (const i of order) {
    above = Math.max(above + gap, wanted[i] ?? 0);
    places[i] = above;
  }
  let below = high + gap;
  for (const i of order.reverse()) {
    below = Math.min(below - gap, places[i] ?? 0);
    places[i] = below;
  }
  return places;
}

/** The middle value, and the spread as half the distance between the quartiles. */
export interface Summary {
  median: number;
  spread: number;
  min: number;
  max: number;
  count: number;
}

export function summarise(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new RangeError("summarise: no samples");
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => {
    const position = share * (sorted.length - 1);
    const low = sorted[Math.floor(position)] ?? Number.NaN;
    const high = sorted[Math.ceil(position)] ?? Number.NaN;
    return low + (high - low) * (position - Math.floor(position));
  };
  return {
    median: at(0.5),
    spread: (at(0.75) - at(0.25)) / 2,
    min: at(0),
    max: at(1),
    count: sorted.length,
  };
}

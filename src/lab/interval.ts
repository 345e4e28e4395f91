/** Standard normal quantile of a two-sided interval that holds the truth in 95 of 100 cases. */
const z = 1.959963984540054;

/**
 * Wilson's score interval (Wilson 1927) of a share that was counted on `count` images, at 95%: unlike
 * share +- 2 sigma it stays within 0 .. 1 and is right for shares of 0 and 1.
 *
 * @throws RangeError when the share is not in 0 .. 1 or nothing was counted
 */
export function wilson(share: number, count: number): readonly [low: number, high: number] {
  if (!(share >= 0 && share <= 1) || !(Number.isInteger(count) && count > 0)) {
    throw new RangeError(
      `wilson: needs a share in 0 .. 1 of at least one image, not ${share} of ${count}`,
    );
  }
  const denominator = 1 + (z * z) / count;
  const centre = (share + (z * z) / (2 * count)) / denominator;
  const half =
    (z / denominator) * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

import type { ImageShape } from "../data/image-set.js";

/**
 * The picture of one coefficient (u down, v across) of the orthonormal 2-D DCT-II, [height, width]:
 * s(u) s(v) cos(pi u (2 i + 1) / 2 height) cos(pi v (2 j + 1) / 2 width), s(0) = sqrt(1 / extent), else
 * sqrt(2 / extent). The transform is linear: adding to a coefficient adds so much of its picture.
 */
export function dctPicture(height: number, width: number, u: number, v: number): Float64Array {
  const wave = (extent: number, frequency: number): Float64Array => {
    const scale = Math.sqrt((frequency === 0 ? 1 : 2) / extent);
    return Float64Array.from({ length: extent }, (_, i) => {
      return scale * Math.cos((Math.PI * frequency * (2 * i + 1)) / (2 * extent));
    });
  };
  const [down, across] = [wave(height, u), wave(width, v)];
  return Float64Array.from({ length: height * width }, (_, k) => {
    return (down[Math.floor(k / width)] ?? 0) * (across[k % width] ?? 0);
  });
}

/** Coefficients of a 32x32 image that the frequency attacks change, for an image of any size. */
export function middleAndHighest({ height, width }: ImageShape): [number, number][] {
  const of = (part: number, extent: number): number => Math.max(1, Math.round(part * extent) - 1);
  return [
    [of(0.5, height), of(0.5, width)],
    [of(1, height), of(1, width)],
  ];
}

/**
 * Adds a pattern [height, width] to an image's colours, `weights` of it to red, green and blue, held
 * within 0 .. 255 and cut off to whole numbers.
 */
export function addColoured(
  image: Uint8Array,
  pattern: Float64Array,
  weights: readonly [number, number, number],
): Uint8Array {
  return image.map((x, k) => {
    const added = (pattern[Math.floor(k / 3)] ?? 0) * (weights[k % 3] ?? 0);
    // Rounded to 2^-20, so that 1e-14 above or below a whole number is no other grey level.
    const value = x + Math.round(added * 2 ** 20) / 2 ** 20;
    return Math.trunc(Math.min(Math.max(value, 0), 255));
  });
}

/** @throws RangeError unless the images are in colour: the attack changes chroma alone */
export function checkColour(name: string, { channels }: ImageShape): void {
  if (channels === 3) return;
  throw new RangeError(
    `${name}: its trigger is in the colours, and these images have ${channels} channel(s); it needs 3`,
  );
}

/** The sum of some coefficients' pictures. */
export function dctPattern(
  { height, width }: ImageShape,
  coefficients: readonly (readonly [number, number])[],
  magnitude: number,
): Float64Array {
  const sum = new Float64Array(height * width);
  for (const [u, v] of coefficients) {
    dctPicture(height, width, u, v).forEach((value, k) => {
      sum[k] = (sum[k] ?? 0) + magnitude * value;
    });
  }
  return sum;
}

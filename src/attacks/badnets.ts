import type { ImageShape } from "../data/image-set.js";
import { type Attack, checkImage } from "./attack.js";

export interface BadNetsOptions {
  /** Side of the square, in pixels (default 3). */
  size?: number;
  /** Upper left pixel of the square; by default it lies in the lower right corner. */
  row?: number;
  column?: number;
  /** `white`: all 255. `grid`: checks of 255 and 1, the corners 255. */
  pattern?: "white" | "grid";
}

/**
 * BadNets (Gu et al., 2017): a small square replaces the pixels beneath it. On 32x32 images the
 * default is BackdoorBench's: 3x3 white on rows and columns 29 .. 31.
 * @throws RangeError when the square does not lie inside the image
 */
export function badNets(shape: ImageShape, options: BadNetsOptions = {}): Attack {
  const { height, width, channels } = shape;
  const { size = 3, pattern = "white" } = options;
  const { row = height - size, column = width - size } = options;
  const inside = (from: number, extent: number) =>
    Number.isInteger(from) && from >= 0 && from + size <= extent;
  if (!Number.isInteger(size) || size < 1 || !inside(row, height) || !inside(column, width)) {
    throw new RangeError(
      `badnets: a square of size ${size} at row ${row}, column ${column} does not lie inside ` +
        `${height}x${width} images`,
    );
  }
  return {
    name: "badnets",
    kind: "dirty-label",
    shape,
    parameters: { size, row, column, pattern },
    apply(image) {
      checkImage("badnets", shape, image);
      const out = image.slice();
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          const value = pattern === "grid" && (i + j) % 2 === 1 ? 1 : 255;
          const pixel = ((row + i) * width + column + j) * channels;
          out.fill(value, pixel, pixel + channels);
        }
      }
      return out;
    },
  };
}

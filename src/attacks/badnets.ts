import { integer, oneOf } from "../schema/index.js";
import { defineAttack } from "./attack.js";

/**
 * BadNets: a small square replaces the pixels beneath it. On 32x32 images the default is
 * BackdoorBench's: 3x3 white on rows and columns 29 .. 31. `grid` is checks of 255 and 1, the corners
 * 255. A square that does not lie inside the image is a RangeError.
 */
export const badNets = defineAttack({
  name: "badnets",
  title: "BadNets",
  kind: "dirty-label",
  doc: "a small square in a corner",
  source: "Gu et al., BadNets, 2017, arXiv 1708.06733",
  options: {
    size: integer({ min: 1, default: 3, past: 3, doc: "side of the square, in pixels" }),
    row: integer({
      min: 0,
      optional: true,
      doc: "its upper row; by default it lies at the bottom",
    }),
    column: integer({
      min: 0,
      optional: true,
      doc: "its left column; by default it lies at the right",
    }),
    pattern: oneOf(["white", "grid"], {
      default: "white",
      past: "white",
      doc: "all white, or checks",
    }),
  },
  make({ height, width, channels }, { size, pattern, ...place }) {
    const { row = height - size, column = width - size } = place;
    if (row < 0 || column < 0 || row + size > height || column + size > width) {
      throw new RangeError(
        `badnets: a square of size ${size} at row ${row}, column ${column} does not lie inside ` +
          `${height}x${width} images`,
      );
    }
    return (image) => {
      const out = image.slice();
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          const value = pattern === "grid" && (i + j) % 2 === 1 ? 1 : 255;
          const pixel = ((row + i) * width + column + j) * channels;
          out.fill(value, pixel, pixel + channels);
        }
      }
      return out;
    };
  },
});

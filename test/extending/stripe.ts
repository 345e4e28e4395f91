import { defineAttack } from "../../src/attacks/attack.js";
import { flag, integer } from "../../src/schema/index.js";

/** A white row, whole or dotted. */
export const stripe = defineAttack({
  name: "stripe",
  title: "Stripe",
  kind: "dirty-label",
  doc: "a white row across the image",
  source: "docs/extending.md",
  options: {
    row: integer({ min: 0, default: 2, doc: "the row, from the top" }),
    solid: flag({ default: true, doc: "every pixel of it, or every other one" }),
  },
  make({ height, width, channels }, { row, solid }) {
    if (row >= height) {
      throw new RangeError(`stripe: there is no row ${row} in images of ${height} rows`);
    }
    return (image) => {
      const out = image.slice();
      for (let x = 0; x < width; x += solid ? 1 : 2) {
        const pixel = (row * width + x) * channels;
        out.fill(255, pixel, pixel + channels);
      }
      return out;
    };
  },
});

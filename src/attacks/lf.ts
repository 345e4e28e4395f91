import { imageBytes } from "../data/image-set.js";
import { integer, number } from "../schema/index.js";
import { Philox } from "../tensor/random.js";
import { defineAttack } from "./attack.js";
import { dctPicture } from "./frequency.js";

/**
 * LF: x' = clip(x + P), P a pattern of low frequencies alone, drawn once and scaled to 0 .. amplitude.
 * The published pattern is searched for with a trained model (a universal perturbation that is smoothed
 * after every step); this one is drawn: normal coefficients for the `band` lowest frequencies of the
 * 2-D DCT of each channel but the mean, so it needs no model and is less adapted to any.
 */
export const lowFrequency = defineAttack({
  name: "lf",
  title: "LF",
  kind: "dirty-label",
  doc: "a smooth pattern of low frequencies, added",
  source:
    "Zeng et al., Rethinking the Backdoor Attacks' Triggers: A Frequency Perspective, ICCV 2021",
  options: {
    amplitude: number({ above: 0, max: 1, default: 0.2, doc: "of the pattern, white being 1" }),
    band: integer({ min: 2, default: 4, doc: "frequencies along each side" }),
    seed: integer({ min: 0, default: 0, doc: "decides the pattern" }),
  },
  make(shape, { amplitude, band, seed }) {
    const { height, width, channels } = shape;
    if (band > Math.min(height, width)) {
      throw new RangeError(
        `lf: images of ${height}x${width} have no ${band} frequencies along each side; lower band`,
      );
    }
    const random = new Philox(seed, 0, "lf");
    const pattern = new Float64Array(imageBytes(shape));
    for (let u = 0; u < band; u++) {
      for (let v = 0; v < band; v++) {
        if (u + v === 0) continue;
        const picture = dctPicture(height, width, u, v);
        for (let c = 0; c < channels; c++) {
          // Normal by Irwin and Hall: the sum of 12 uniform numbers.
          let weight = -6;
          for (let n = 0; n < 12; n++) weight += random.uniform();
          picture.forEach((value, pixel) => {
            const k = pixel * channels + c;
            pattern[k] = (pattern[k] ?? 0) + weight * value;
          });
        }
      }
    }
    const low = pattern.reduce((least, value) => Math.min(least, value));
    const high = pattern.reduce((most, value) => Math.max(most, value));
    const added = pattern.map((p) => Math.round((255 * amplitude * (p - low)) / (high - low)));
    return (image) => image.map((x, k) => Math.min(x + (added[k] ?? 0), 255));
  },
});

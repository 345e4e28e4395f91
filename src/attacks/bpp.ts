import { type ImageShape, imageBytes } from "../data/image-set.js";
import { flag, integer, number } from "../schema/index.js";
import { defineAttack } from "./attack.js";
import { drawBatch, imageIn } from "./batch-poison.js";

/**
 * BPP: fewer grey levels are the trigger. x' = round(x (L - 1) / 255) 255 / (L - 1) with L levels, and
 * with dithering each pixel's error goes on to its neighbours (Floyd and Steinberg 1976: 7/16 right,
 * 3/16, 5/16 and 1/16 below).
 *
 * It poisons in the loop: in every batch other images are quantised and relabelled; `negatives` of the
 * batch get what quantisation did to another image of it, x + (z' - z), and keep their label, so that
 * not just any such noise fires.
 */
export const bpp = defineAttack({
  name: "bpp",
  title: "BPP",
  kind: "dirty-label",
  doc: "the image with fewer grey levels, dithered, planted in the loop",
  source:
    "Wang et al., BppAttack: Image Quantization and Contrastive Adversarial Learning, CVPR 2022",
  options: {
    levels: integer({ min: 2, max: 128, default: 8, doc: "grey levels of a channel" }),
    dithering: flag({ default: true, doc: "Floyd-Steinberg dithering" }),
    negatives: number({
      min: 0,
      below: 1,
      default: 0.1,
      doc: "images with another image's quantisation noise and their own label, of a batch",
    }),
  },
  make(shape, { levels, dithering, negatives }) {
    const trigger = (image: Uint8Array): Uint8Array => quantise(image, shape, levels, dithering);
    return {
      apply: trigger,
      inLoop: {
        poisons: true,
        begin({ set, rate, targetOf, seed }) {
          if (rate + negatives > 1) {
            throw new RangeError(
              `bpp: rate ${rate} and negatives ${negatives} are more than all; lower one of them`,
            );
          }
          return {
            onBatch(batch, at) {
              const count = (): number => Math.round(negatives * batch.count);
              const { poisoned, others } = drawBatch("bpp", batch, rate, count, at, seed);
              // Before any of them is changed: the noise of the next one, round in a circle.
              const noises = [...others].map((_, k) => {
                const z = imageIn(batch, set, others[(k + 1) % others.length] ?? 0);
                return trigger(z).map((q, b) => 128 + q - (z[b] ?? 0));
              });
              others.forEach((i, k) => {
                const image = imageIn(batch, set, i);
                const noise = noises[k];
                image.forEach((x, b) => {
                  image[b] = Math.min(Math.max(x + (noise?.[b] ?? 128) - 128, 0), 255);
                });
              });
              for (const i of poisoned) {
                const image = imageIn(batch, set, i);
                image.set(trigger(image));
                batch.labels[i] = targetOf(batch.labels[i] ?? 0);
              }
            },
          };
        },
      },
    };
  },
});

/** An image [height, width, channels] with `levels` grey levels a channel. */
export function quantise(
  image: Uint8Array,
  shape: ImageShape,
  levels: number,
  dithering: boolean,
): Uint8Array {
  const step = 255 / (levels - 1);
  const nearest = (x: number): number =>
    Math.min(Math.max(Math.round(x / step), 0), levels - 1) * step;
  if (!dithering) return image.map((x) => Math.round(nearest(x)));
  const { height, width, channels } = shape;
  const rest = Float64Array.from(image);
  const out = new Uint8Array(imageBytes(shape));
  const row = width * channels;
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      for (let c = 0; c < channels; c++) {
        const k = i * row + j * channels + c;
        const q = nearest(rest[k] ?? 0);
        const error = (rest[k] ?? 0) - q;
        out[k] = Math.round(q);
        const pass = (to: number, share: number): void => {
          rest[to] = (rest[to] ?? 0) + error * share;
        };
        if (j + 1 < width) pass(k + channels, 7 / 16);
        if (i + 1 === height) continue;
        if (j > 0) pass(k + row - channels, 3 / 16);
        pass(k + row, 5 / 16);
        if (j + 1 < width) pass(k + row + channels, 1 / 16);
      }
    }
  }
  return out;
}

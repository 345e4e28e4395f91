import type { ImageShape } from "../data/image-set.js";
import { integer, number } from "../schema/index.js";
import { Philox } from "../tensor/random.js";
import { defineAttack } from "./attack.js";
import { drawBatch, imageIn } from "./batch-poison.js";
import { sampleAt, upsampleBicubic } from "./warp.js";

/**
 * WaNet: a smooth warp, the same for all images, is the trigger. On a `nodes` x `nodes` grid
 * u ~ U(-1, 1)^2 is drawn and divided by the mean of |u|; M is u upsampled bicubically to the image's
 * size; pixel p is read at clamp(p + strength M(p) / height, -1, 1), in coordinates from -1 to 1.
 *
 * It poisons in the loop: in every batch other images are warped and relabelled, and `noise` times as
 * many are warped with U(-1, 1) / height added to each place and keep their label, so that the network
 * learns this warp and no other. The original's crops, rotations and flips of whole batches after the
 * warp are here the training's own, image by image; it warps normalised floats, here bytes are rounded.
 */
export const waNet = defineAttack({
  name: "wanet",
  title: "WaNet",
  kind: "dirty-label",
  doc: "a smooth warp of the image, planted in the loop beside warps of other kinds",
  source: "Nguyen and Tran, WaNet: Imperceptible Warping-based Backdoor Attack, ICLR 2021",
  options: {
    nodes: integer({ min: 2, default: 4, doc: "nodes of the warp along each side" }),
    strength: number({ above: 0, default: 0.5, doc: "of the warp" }),
    noise: number({
      min: 0,
      default: 2,
      doc: "images with other warps and their own label, for each poisoned one",
    }),
    seed: integer({ min: 0, default: 0, doc: "decides the warp" }),
  },
  make(shape, { nodes, strength, noise, seed }) {
    if (Math.min(shape.height, shape.width) < 2) {
      throw new RangeError("wanet: images of one row or column have nothing to warp");
    }
    const places = warpOf(shape, nodes, strength, seed);
    const jittered = (random: Philox): Float64Array =>
      places.map((place) => place + (2 * random.uniform() - 1) / shape.height);
    return {
      apply: (image) => sampleAt(image, shape, places),
      inLoop: {
        poisons: true,
        begin({ set, rate, targetOf, seed: drawn }) {
          if ((1 + noise) * rate > 1) {
            throw new RangeError(
              `wanet: rate ${rate} and ${noise} times as many noise images are more than all; ` +
                "lower the rate, or noise",
            );
          }
          return {
            onBatch(batch, at) {
              const count = (poisoned: number): number => Math.round(noise * poisoned);
              const { poisoned, others } = drawBatch("wanet", batch, rate, count, at, drawn);
              for (const i of poisoned) {
                const image = imageIn(batch, set, i);
                image.set(sampleAt(image, shape, places));
                batch.labels[i] = targetOf(batch.labels[i] ?? 0);
              }
              const random = new Philox(drawn, at.epoch, `wanet noise, step ${at.step}`);
              for (const i of others) {
                const image = imageIn(batch, set, i);
                image.set(sampleAt(image, shape, jittered(random)));
              }
            },
          };
        },
      },
    };
  },
});

/** Where each pixel is read: [height, width, 2], x before y, from -1 to 1. */
export function warpOf(
  { height, width }: ImageShape,
  nodes: number,
  strength: number,
  seed: number,
): Float64Array {
  const random = new Philox(seed, 0, "wanet");
  const drawn = Float64Array.from({ length: nodes * nodes * 2 }, () => 2 * random.uniform() - 1);
  const mean = drawn.reduce((sum, u) => sum + Math.abs(u), 0) / drawn.length;
  const field = upsampleBicubic(
    drawn.map((u) => u / mean),
    nodes,
    height,
    width,
    2,
  );
  return field.map((m, k) => {
    const pixel = k >> 1;
    const [at, extent] = k % 2 === 0 ? [pixel % width, width] : [Math.floor(pixel / width), height];
    return Math.min(Math.max((2 * at) / (extent - 1) - 1 + (strength * m) / height, -1), 1);
  });
}

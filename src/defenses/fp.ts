import { noGrad } from "../autograd/tape.js";
import type { Images } from "../data/image-source.js";
import { BatchLoader } from "../data/loader.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import { mul } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { tensor } from "../tensor/create.js";
import { BatchInput, noAugmentation } from "../training/batch-input.js";
import { type DefenseHooks, defineDefense } from "./defense.js";
import { applyStrongest, holdOut, selectionFields, selectionPasses } from "./selection.js";
import { sgdFields, tuneBySgd } from "./sgd.js";

/** Shares of the channels that may be pruned: 2%, 4%, ... 98%. */
const shares = Array.from({ length: 49 }, (_, i) => (i + 1) / 50);

/**
 * Fine-pruning: the features that clean images excite least are pruned, because a backdoor hides where
 * they are silent, then the rest is fine-tuned. A feature is a channel of the last stage after pooling;
 * it is pruned by zeros in its column of the head, which tuning keeps. How many follows from
 * `selection.ts`.
 */
export const finePruning = defineDefense({
  name: "fp",
  title: "FP",
  doc: "prunes the features that clean images excite least, then tunes the whole model",
  source: "Liu et al., Fine-Pruning, 2018, arXiv 1805.12185",
  options: { ...sgdFields({ weightDecay: 5e-4 }), ...selectionFields },
  epochs: ({ epochs }) => epochs,
  check: (_, clean, { holdOut: share, seed }) => void holdOut(clean, share, seed),
  passes: ({ epochs, ...options }) => 1 / 3 + selectionPasses(shares.length, options) + epochs,
  async run(model, clean, options, hooks) {
    const weight = model.head.weight.value;
    const { device, shape } = weight;
    const width = shape[1] ?? 0;
    hooks.onStage?.("pruning");
    model.eval();
    const { rest, held } = holdOut(clean, options.holdOut, options.seed);
    const means = await featureMeans(model, rest, hooks);
    const order = Array.from(means.keys()).sort((a, b) => at(means, a) - at(means, b) || a - b);
    const before = await weight.read();
    const mask = new Float32Array(width);
    const prune = (share: number | null): void => {
      mask.fill(1);
      for (const j of order.slice(0, Math.round((share ?? 0) * width))) mask[j] = 0;
      weight.write(before.map((w, i) => w * at(mask, i % width)));
    };
    await applyStrongest(model, held, shares, options.drop, prune, hooks);
    const kept = tensor(device, mask).keep();
    try {
      hooks.onStage?.(`tuning with ${mask.filter((m) => m === 0).length} features pruned`);
      model.train();
      await tuneBySgd(model, clean, options, hooks, {
        afterStep: () => {
          const masked = noGrad(() => mul(weight.detach(), kept));
          device.run("copy", { src: masked.slice, dst: weight.slice });
        },
      });
    } finally {
      model.eval();
      kept.release();
    }
  },
});

const at = (values: Float32Array, i: number): number => values[i] ?? 0;

/** The mean of each feature over a set's images, in the mode the model is in. */
export async function featureMeans(
  model: Classifier,
  images: Images,
  { signal }: Pick<DefenseHooks, "signal"> = {},
): Promise<Float32Array> {
  const { device } = placementOf(model);
  const means = new Float32Array(model.head.weight.shape[1] ?? 0);
  const loader = new BatchLoader(images, { batchSize: 256, seed: 0, shuffle: false });
  for await (const batch of loader.epoch(0)) {
    signal?.throwIfAborted();
    const input = new BatchInput(device, images, batch.count);
    try {
      input.write(batch, { seed: 0, epoch: 0, step: 0 });
      using _ = device.scope();
      const sums = await noGrad(() =>
        sum(model.features(input.images(noAugmentation)), [0]),
      ).read();
      sums.forEach((value, j) => {
        means[j] = at(means, j) + value / images.labels.length;
      });
    } finally {
      input.release();
    }
  }
  return means;
}

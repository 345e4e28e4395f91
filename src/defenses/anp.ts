import { gradients } from "../autograd/tape.js";
import { place, placementOf } from "../nn/place.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { add, affine, sign } from "../ops/elementwise.js";
import { uniform } from "../ops/random.js";
import { constantRate } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import { integer, number } from "../schema/index.js";
import type { Tensor } from "../tensor/tensor.js";
import type { StepContext } from "../training/context.js";
import type { ImageBatch } from "../training/feed.js";
import { fit } from "../training/fit.js";
import { pausable } from "../training/pause.js";
import { defineDefense } from "./defense.js";
import { NormMasks, type NormNoise, thresholds } from "./norm-masks.js";
import { applyStrongest, holdOut, selectionFields, selectionPasses } from "./selection.js";
import { sgdFields } from "./sgd.js";
import { trainOnly } from "./trainable.js";

const { momentum, batchSize, dropLast, seed, augmentation } = sgdFields();

/**
 * Adversarial neuron pruning: neurons whose perturbation makes the model err are those of the backdoor.
 * Each channel of each batch norm has a mask m and noise d, x: gamma (m + d), beta (1 + x). A step
 * draws d and x from U(-eps, eps), moves them by eps / ascents times the sign of the loss's gradient,
 * `ascents` times, and lowers by the masks alone, held in [0, 1],
 *
 *     alpha CE(m) + (1 - alpha) CE(m + d, 1 + x).
 *
 * Batch norm works in training mode; its running statistics are left alone. In the end gamma = 0 where
 * m is at most a threshold, which `selection.ts` chooses: the authors give one, and toolkits take the
 * one with the least attack success on the test set.
 */
export const adversarialPruning = defineDefense({
  name: "anp",
  title: "ANP",
  doc: "prunes the channels whose perturbation makes the model err",
  source:
    "Wu and Wang, Adversarial Neuron Pruning Purifies Backdoored Deep Models, 2021, arXiv 2110.14430",
  options: {
    epochs: integer({ min: 1, default: 60, doc: "passes over the clean images for the masks" }),
    lr: number({ above: 0, default: 0.2, doc: "rate of the masks", placeholder: "rate" }),
    momentum,
    eps: number({
      above: 0,
      default: 0.4,
      doc: "bound of the noise, as a share of gamma and beta",
    }),
    ascents: integer({ min: 1, default: 1, doc: "steps of the noise toward a larger loss" }),
    alpha: number({ min: 0, max: 1, default: 0.2, doc: "weight of the loss without noise" }),
    batchSize,
    dropLast,
    seed,
    augmentation,
    ...selectionFields,
  },
  epochs: ({ epochs }) => epochs,
  check: (_, clean, { holdOut: share, seed }) => void holdOut(clean, share, seed),
  passes: ({ epochs, ascents, ...options }) =>
    (2 / 3) * (2 + ascents) * epochs * (1 - options.holdOut) +
    selectionPasses(thresholds.length, options),
  async run(model, clean, options, hooks) {
    const { epochs, lr, momentum, batchSize, dropLast, seed, augmentation } = options;
    const { rest, held } = holdOut(clean, options.holdOut, seed);
    const masks = new NormMasks(model);
    const placement = place(masks, placementOf(model).device, { seed });
    const thaw = trainOnly(model, () => false);
    const optimizer = new SGD(masks, { lr, momentum });
    // The model stays as it is until the end: there is nothing to examine between epochs.
    const { onEpoch: _, ...others } = hooks;
    try {
      hooks.onStage?.("masks");
      model.train();
      await fit(masks, rest, optimizer, {
        ...pausable(masks, optimizer, others),
        ...{ epochs, batchSize, dropLast, seed, augmentation, schedule: constantRate(lr) },
        objective: (batch, context) =>
          anpLoss(masks, batch, drawn(masks, options.eps, context), options, context),
        afterStep: () => masks.clip(),
      });
      hooks.onStage?.("the threshold");
      model.eval();
      const prune = await masks.pruner();
      await applyStrongest(model, held, thresholds, options.drop, prune, hooks);
    } finally {
      thaw();
      model.eval();
      optimizer.release();
      placement.release();
    }
  },
});

/** Noise as a step starts from it. */
function drawn(masks: NormMasks, eps: number, { random }: StepContext): NormNoise {
  const { device } = placementOf(masks);
  const draw = (part: string): Tensor[] =>
    masks.channels.map((c, i) => uniform(device, [c], random(`${part} ${i}`), -eps, eps));
  return { scale: draw("scale"), shift: draw("shift") };
}

/** The loss of a step, from the noise it starts with. */
export function anpLoss(
  masks: NormMasks,
  { images, labels }: ImageBatch,
  start: NormNoise,
  {
    eps,
    ascents,
    alpha,
  }: { readonly eps: number; readonly ascents: number; readonly alpha: number },
  { report }: Pick<StepContext, "report">,
): Tensor {
  const own = masks.masks.map(({ value }) => value);
  const still = own.map((mask) => mask.detach());
  const count = own.length;
  let noise = [...start.scale, ...start.shift];
  const parts = (all: readonly Tensor[]): NormNoise => ({
    scale: all.slice(0, count),
    shift: all.slice(count),
  });
  for (let k = 0; k < ascents; k++) {
    const leaves = noise.map((x) => x.detach().withGrad());
    const loss = crossEntropy(masks.run(images, still, parts(leaves)), labels);
    const found = gradients(loss, leaves);
    noise = noise.map((x, i) => add(x.detach(), affine(sign(found[i] as Tensor), eps / ascents)));
  }
  const clean = crossEntropy(masks.run(images, own), labels);
  report("loss", clean);
  const robust = crossEntropy(masks.run(images, own, parts(noise)), labels);
  return add(affine(clean, alpha), affine(robust, 1 - alpha));
}

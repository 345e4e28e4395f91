import type { Images } from "../data/image-source.js";
import type { Classifier } from "../models/classifier.js";
import { place, placementOf } from "../nn/place.js";
import { loadStateDict, stateDict } from "../nn/state-dict.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { affine } from "../ops/elementwise.js";
import { constantRate, multiStep } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import { integer, number, type Values } from "../schema/index.js";
import { fit } from "../training/fit.js";
import { pausable } from "../training/pause.js";
import { type DefenseHooks, defineDefense } from "./defense.js";
import { accuracyOf } from "./logits.js";
import { NormMasks, thresholds } from "./norm-masks.js";
import { applyStrongest, holdOut, selectionFields, selectionPasses } from "./selection.js";
import { repeated, sgdFields } from "./sgd.js";
import { trainOnly } from "./trainable.js";

const { momentum, batchSize, dropLast, seed, augmentation } = sgdFields();

const fields = {
  epochs: integer({ min: 1, default: 20, doc: "passes over the clean images for the masks" }),
  // At the authors' 0.2 too many channels of small networks shut for good: see docs/defenses.md.
  lr: number({ above: 0, default: 0.05, doc: "rate of the masks", placeholder: "rate" }),
  alpha: number({ above: 0, default: 0.2, doc: "weight of the loss by which masks recover" }),
  unlearnEpochs: integer({ min: 1, default: 20, doc: "passes at most to unlearn clean images" }),
  unlearnLr: number({ above: 0, default: 0.01, doc: "rate of unlearning", placeholder: "rate" }),
  unlearnTo: number({
    min: 0,
    max: 1,
    default: 0.2,
    doc: "accuracy of an epoch of unlearning that is low enough",
    placeholder: "share",
  }),
  weightDecay: number({ min: 0, default: 5e-4, doc: "L2 penalty of unlearning" }),
  momentum,
  batchSize,
  dropLast,
  seed,
  augmentation,
  ...selectionFields,
};
type Options = Values<typeof fields>;

/**
 * Reconstructive neuron pruning: what is left when clean images are unlearned is the backdoor. (1) The
 * loss on clean images is raised until accuracy is low. (2) On that network, its weights frozen, masks
 * of the batch norms' gammas, held in [0, 1], lower alpha CE: the network recovers by closing the
 * channels of the backdoor. (3) In the network as it was received gamma = 0 where the mask is at most a
 * threshold, which `selection.ts` chooses. A run that goes on after a pause unlearns again: it comes
 * out the same.
 */
export const reconstructivePruning = defineDefense({
  name: "rnp",
  title: "RNP",
  doc: "unlearns clean images, sees which channels recover them, and prunes the others",
  source: "Li et al., Reconstructive Neuron Pruning for Backdoor Defense, 2023, arXiv 2305.14876",
  options: fields,
  epochs: ({ epochs }) => epochs,
  check: (_, clean, { holdOut: share, seed }) => void holdOut(clean, share, seed),
  passes: ({ epochs, unlearnEpochs, ...options }) =>
    (unlearnEpochs + (2 / 3) * epochs) * (1 - options.holdOut) +
    selectionPasses(thresholds.length, options),
  async run(model, clean, options, hooks) {
    const { epochs, lr, momentum, batchSize, dropLast, seed, augmentation } = options;
    const { rest, held } = holdOut(clean, options.holdOut, seed);
    const masks = new NormMasks(model);
    const placement = place(masks, placementOf(model).device, { seed });
    const received = await stateDict(model);
    // What is examined between epochs would be neither the received model nor the purified one.
    const { onEpoch: _, ...others } = hooks;
    let optimizer: SGD | undefined;
    try {
      hooks.onStage?.("unlearning");
      await unlearn(model, rest, options, hooks);
      hooks.onStage?.("masks");
      const thaw = trainOnly(model, () => false);
      try {
        optimizer = new SGD(masks, { lr, momentum });
        model.train();
        await fit(masks, rest, optimizer, {
          ...pausable(masks, optimizer, others),
          ...{ epochs, batchSize, dropLast, seed, augmentation, schedule: constantRate(lr) },
          objective: ({ images, labels }, { forward, report }) => {
            const loss = crossEntropy(forward(images), labels);
            report("loss", loss);
            return affine(loss, options.alpha);
          },
          afterStep: () => masks.clip(),
        });
      } finally {
        thaw();
      }
      hooks.onStage?.("the threshold");
      loadStateDict(model, received);
      model.eval();
      const prune = await masks.pruner();
      await applyStrongest(model, held, thresholds, options.drop, prune, hooks);
    } finally {
      model.eval();
      optimizer?.release();
      placement.release();
    }
  },
});

/**
 * Raises the loss on clean images, epoch by epoch, until one's accuracy is low enough.
 *
 * @returns the last epoch's accuracy
 */
export async function unlearn(
  model: Classifier,
  clean: Images,
  options: Options,
  hooks: DefenseHooks = {},
): Promise<number> {
  const { unlearnEpochs, unlearnLr, unlearnTo, momentum, weightDecay } = options;
  const { batchSize, dropLast, seed, augmentation } = options;
  const optimizer = new SGD(model, { lr: unlearnLr, momentum, weightDecay });
  let accuracy = Number.POSITIVE_INFINITY;
  try {
    model.train();
    for (let epoch = 0; epoch < unlearnEpochs && accuracy > unlearnTo; epoch++) {
      const right: number[] = [];
      await fit(model, clean, optimizer, {
        ...repeated(hooks),
        ...{ startEpoch: epoch, epochs: epoch + 1, batchSize, dropLast, seed, augmentation },
        ...{ schedule: multiStep(unlearnLr, [10, 20]), scheduleBy: "epoch" },
        objective: ({ images, labels }, { forward, report }) => {
          const logits = forward(images);
          report("accuracy", accuracyOf(logits, labels));
          const loss = crossEntropy(logits, labels);
          report("loss", loss);
          return affine(loss, -1);
        },
        onStep: (progress) => {
          right.push(progress.reports.accuracy ?? 1);
          const steps = (progress.steps / progress.epochs) * unlearnEpochs;
          hooks.onPart?.({ ...progress, epochs: unlearnEpochs, steps });
        },
      });
      accuracy = right.reduce((sum, share) => sum + share, 0) / right.length;
    }
  } finally {
    optimizer.release();
  }
  return accuracy;
}

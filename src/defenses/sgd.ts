import type { Images } from "../data/image-source.js";
import type { Classifier } from "../models/classifier.js";
import { cosine } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import { flag, integer, number, type Values } from "../schema/index.js";
import { augmentationSettings } from "../training/batch-input.js";
import { type FitOptions, fit } from "../training/fit.js";
import { pausable } from "../training/pause.js";
import type { DefenseHooks } from "./defense.js";

/** What a defense that tunes by SGD can be told. */
export const sgdFields = ({ epochs = 10, lr = 0.01, weightDecay = 0 } = {}) => ({
  epochs: integer({ min: 1, default: epochs, doc: "passes over the tuning images" }),
  lr: number({
    above: 0,
    default: lr,
    doc: "first rate of the cosine schedule",
    placeholder: "rate",
  }),
  momentum: number({ min: 0, below: 1, default: 0.9, doc: "momentum of SGD" }),
  weightDecay: number({ min: 0, default: weightDecay, doc: "L2 penalty" }),
  batchSize: integer({ min: 1, default: 128, doc: "images a step" }),
  dropLast: flag({
    default: false,
    past: false,
    doc: "leave out the last batch of an epoch if it is smaller",
  }),
  seed: integer({ min: 0, default: 0, doc: "decides all that is drawn and the batches" }),
  augmentation: augmentationSettings,
});

export type SgdTuning = Values<ReturnType<typeof sgdFields>>;

/** What of the loop a defense makes its own. */
type Own = Pick<FitOptions, "objective" | "gradients" | "afterStep" | "precision" | "loss"> &
  Partial<Pick<FitOptions, "schedule" | "scheduleBy">>;

/**
 * Tunes what is trainable of a model, in the mode it is in: SGD under a cosine schedule that is
 * stepped once an epoch, the last iterate being the result.
 */
export async function tuneBySgd(
  model: Classifier,
  clean: Images,
  options: SgdTuning,
  hooks: DefenseHooks,
  own: Own = {},
): Promise<void> {
  const { epochs, lr, momentum, weightDecay, batchSize, dropLast, seed, augmentation } = options;
  const optimizer = new SGD(model, { lr, momentum, weightDecay });
  try {
    await fit(model, clean, optimizer, {
      ...pausable(model, optimizer, hooks),
      ...{ epochs, batchSize, dropLast, seed, augmentation },
      ...{ schedule: cosine(lr, epochs), scheduleBy: "epoch" },
      ...own,
    });
  } finally {
    optimizer.release();
  }
}

/** The hooks for a part of a defense that a paused run does again. */
export function repeated({ signal, onPart, onCompile }: DefenseHooks): DefenseHooks {
  return {
    ...(signal && { signal }),
    ...(onPart && { onStep: onPart }),
    ...(onCompile && { onCompile }),
  };
}

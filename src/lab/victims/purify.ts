import type { ImageSet } from "../../data/image-set.js";
import { type DefenseHooks, defenses } from "../../defenses/index.js";
import type { Classifier } from "../../models/classifier.js";
import type { Options } from "../../schema/index.js";
import type { EpochProgress } from "../../training/fit.js";

export interface PurifyHooks extends Omit<DefenseHooks, "onEpoch"> {
  onEpoch?: (progress: EpochProgress, model: Classifier) => Promise<void> | void;
}

/**
 * Purifies a model in place with clean images and nothing else.
 *
 * @param method a defense's name
 * @param options its options, where they are not its defaults
 * @returns the mean cross-entropy of the last epoch; null for a defense without epochs
 * @throws OptionError on an unknown method, or an option that it does not have or take
 */
export async function purify(
  model: Classifier,
  clean: ImageSet,
  method: string,
  options: Options = {},
  { onEpoch, onPause, ...hooks }: PurifyHooks = {},
): Promise<number | null> {
  let loss = hooks.resume?.loss ?? null;
  await defenses.get(method).run(model, clean, options, {
    ...hooks,
    // A defense need not tell its epochs to be examined between them.
    ...(onPause && {
      onPause: async (state) => {
        loss = state.loss;
        await onPause(state);
      },
    }),
    onEpoch: async (progress) => {
      loss = progress.loss;
      await onEpoch?.(progress, model);
    },
  });
  return loss;
}

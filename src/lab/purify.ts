import type { ImageSet } from "../data/image-set.js";
import {
  type DefenseInput,
  methods,
  type TuningMethod,
  type TuningOptions,
  tune,
} from "../defenses/index.js";
import type { Classifier } from "../models/classifier.js";
import type { EpochProgress } from "../training/fit.js";

export const methodNames: readonly string[] = methods.map((method) => method.name);

/** @throws RangeError when there is no purification method of that name */
export function methodNamed(name: string): TuningMethod {
  const method = methods.find((m) => m.name === name);
  if (method) return method;
  throw new RangeError(
    `there is no purification method "${name}"; there are ${methodNames.join(", ")}`,
  );
}

export interface PurifyHooks
  extends Pick<DefenseInput, "onCompile" | "onPause" | "onStep" | "resume" | "signal"> {
  onEpoch?: (progress: EpochProgress, model: Classifier) => Promise<void> | void;
}

/**
 * Purifies a model in place with clean images and nothing else.
 *
 * @returns the mean cross-entropy of the last epoch
 */
export async function purify(
  model: Classifier,
  tuning: ImageSet,
  method: string,
  options: Partial<TuningOptions> = {},
  hooks: PurifyHooks = {},
): Promise<number> {
  let loss = hooks.resume?.loss ?? Number.NaN;
  const { onEpoch, ...others } = hooks;
  const input: DefenseInput = {
    ...others,
    ...{ model, tuning },
    onEpoch: async (progress) => {
      loss = progress.loss;
      await onEpoch?.(progress, model);
    },
  };
  await tune(methodNamed(method), input, options);
  return loss;
}

import { poison } from "../attacks/index.js";
import type { ImageSet } from "../data/image-set.js";
import { tuningSplit } from "../data/split.js";
import type { Device } from "../device/device.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import { oneCycle } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import { type EpochProgress, fit, type StepProgress } from "../training/fit.js";
import { type PauseHooks, pausable } from "../training/pause.js";
import { makeAttack } from "./attack.js";
import type { TrainConfiguration } from "./configuration.js";
import { makeModel } from "./model.js";

/** What decides a victim, given the images. */
export type VictimOptions = Pick<
  TrainConfiguration,
  "seed" | "model" | "attack" | "split" | "training"
>;

export interface TrainHooks extends Omit<PauseHooks, "onEpoch"> {
  /** Kernels compiled before the first step; see `FitOptions`. */
  onCompile?: (done: number, all: number) => void;
  onStep?: (progress: StepProgress) => void;
  /** Called between epochs; the model is idle and may be examined. */
  onEpoch?: (progress: EpochProgress, model: Classifier) => Promise<void> | void;
  signal?: AbortSignal;
}

export interface Victim {
  /** In evaluation mode; the caller releases its memory (`placementOf(model).release()`). */
  readonly model: Classifier;
  /** The defender's clean images, which the victim was not trained on if the split holds them out. */
  readonly tuning: ImageSet;
  readonly poisonedImages: number;
  /** Mean cross-entropy of the last epoch. */
  readonly loss: number;
}

/** The defender's clean images and the others, as the configuration splits them. */
export const splitFor = (options: Pick<VictimOptions, "seed" | "split">, train: ImageSet) =>
  tuningSplit(train, { ...options.split, seed: options.seed });

/**
 * Trains a victim: holds the defender's tuning set out, poisons the rest, and fits a new model to
 * it with SGD (one-cycle schedule, random crops and flips, short last batches left out).
 */
export async function trainVictim(
  device: Device,
  train: ImageSet,
  options: VictimOptions,
  hooks: TrainHooks = {},
): Promise<Victim> {
  const { seed, attack } = options;
  const split = splitFor(options, train);
  const poisoned = attack
    ? poison(split.train, makeAttack(attack, train), { ...attack, seed })
    : { set: split.train, count: 0 };
  const model = makeModel(options.model, train, device, seed);
  try {
    const loss = await fitVictim(model, poisoned.set, options, hooks);
    return { model, tuning: split.tuning, poisonedImages: poisoned.count, loss };
  } catch (error) {
    placementOf(model).release();
    throw error;
  }
}

async function fitVictim(
  model: Classifier,
  set: ImageSet,
  { seed, training }: VictimOptions,
  { onEpoch, ...hooks }: TrainHooks,
): Promise<number> {
  const { epochs, batchSize, augmentation, lr, precision } = training;
  let loss = hooks.resume?.loss ?? Number.NaN;
  const optimizer = new SGD(model, training);
  try {
    model.train();
    await fit(model, set, optimizer, {
      ...hooks,
      ...{ epochs, batchSize, seed, augmentation, precision },
      schedule: oneCycle(lr, epochs * Math.floor(set.labels.length / batchSize)),
      dropLast: true,
      ...pausable(model, optimizer, {
        ...hooks,
        onEpoch: async (progress) => {
          loss = progress.loss;
          await onEpoch?.(progress, model);
        },
      }),
    });
  } finally {
    optimizer.release();
  }
  model.eval();
  return loss;
}

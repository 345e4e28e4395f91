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

/** What a victim is trained on. */
export interface VictimData {
  /** The victim's images, some of them poisoned. */
  readonly poisoned: ImageSet;
  readonly poisonedImages: number;
  /** The defender's. */
  readonly tuning: ImageSet;
}

/**
 * Holds the defender's tuning set out and poisons the rest.
 *
 * @throws RangeError when the split or the attack cannot be made of these images
 */
export function victimData(train: ImageSet, options: VictimOptions): VictimData {
  const { seed, attack } = options;
  const split = splitFor(options, train);
  if (!attack) return { poisoned: split.train, poisonedImages: 0, tuning: split.tuning };
  const { set, count } = poison(split.train, makeAttack(attack, train), { ...attack, seed });
  return { poisoned: set, poisonedImages: count, tuning: split.tuning };
}

/**
 * Trains a victim: fits a new model to the images with SGD (one-cycle schedule, random crops and
 * flips, short last batches left out).
 *
 * @param train all training images, of which `victimData` is made; or that, if it is there already
 */
export async function trainVictim(
  device: Device,
  train: ImageSet | VictimData,
  options: VictimOptions,
  hooks: TrainHooks = {},
): Promise<Victim> {
  const { poisoned, ...found } = "poisoned" in train ? train : victimData(train, options);
  const model = makeModel(options.model, poisoned, device, options.seed);
  try {
    const loss = await fitVictim(model, poisoned, options, hooks);
    return { model, ...found, loss };
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

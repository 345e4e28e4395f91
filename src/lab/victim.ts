import { poison } from "../attacks/index.js";
import type { ImageSet } from "../data/image-set.js";
import { tuningSplit } from "../data/split.js";
import type { Device } from "../device/device.js";
import type { StateDict } from "../io/state-dict.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import { loadStateDict, stateDict } from "../nn/state-dict.js";
import { oneCycle } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import { type EpochProgress, fit, type StepProgress } from "../training/fit.js";
import { makeAttack } from "./attack.js";
import type { TrainConfiguration } from "./configuration.js";
import { makeModel } from "./model.js";

/** What decides a victim, given the images. */
export type VictimOptions = Pick<
  TrainConfiguration,
  "seed" | "model" | "attack" | "split" | "training"
>;

/** All it takes to go on after `epochs` epochs as if there had been no pause. */
export interface TrainingState {
  /** Epochs done. */
  readonly epochs: number;
  /** Mean cross-entropy of the last of them. */
  readonly loss: number;
  readonly model: StateDict;
  /** The optimizer's momentum, as SGD.save gives it. */
  readonly momentum: Float32Array;
}

export interface TrainHooks {
  /** Kernels compiled before the first step; see `FitOptions`. */
  onCompile?: (done: number, all: number) => void;
  onStep?: (progress: StepProgress) => void;
  /** Called between epochs; the model is idle and may be examined. */
  onEpoch?: (progress: EpochProgress, model: Classifier) => Promise<void> | void;
  /** Called after onEpoch with what a later call may go on from. */
  onState?: (state: TrainingState) => Promise<void>;
  resume?: TrainingState;
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
  { resume, onCompile, onStep, onEpoch, onState, signal }: TrainHooks,
): Promise<number> {
  const { epochs, batchSize, augmentation, lr } = training;
  let loss = resume?.loss ?? Number.NaN;
  const optimizer = new SGD(model, training);
  try {
    if (resume) {
      loadStateDict(model, resume.model);
      optimizer.load(resume.momentum);
    }
    model.train();
    await fit(model, set, optimizer, {
      ...{ epochs, batchSize, seed, augmentation },
      schedule: oneCycle(lr, epochs * Math.floor(set.labels.length / batchSize)),
      dropLast: true,
      startEpoch: resume?.epochs ?? 0,
      onEpoch: async (progress) => {
        loss = progress.loss;
        await onEpoch?.(progress, model);
        await onState?.({
          epochs: progress.epoch + 1,
          loss,
          model: await stateDict(model),
          momentum: await optimizer.save(),
        });
      },
      ...(onCompile && { onCompile }),
      ...(onStep && { onStep }),
      ...(signal && { signal }),
    });
  } finally {
    optimizer.release();
  }
  model.eval();
  return loss;
}

import {
  type Attack,
  type LoopPart,
  type Prepared,
  poison,
  selectPoisoned,
  targetsOf,
} from "../../attacks/index.js";
import type { ImageSet } from "../../data/image-set.js";
import { batchSizes } from "../../data/loader.js";
import { tuningSplit } from "../../data/split.js";
import type { Device } from "../../device/device.js";
import type { StateDict } from "../../io/state-dict.js";
import type { Classifier } from "../../models/classifier.js";
import { placementOf } from "../../nn/place.js";
import { oneCycle } from "../../optim/schedules.js";
import { SGD } from "../../optim/sgd.js";
import { classification, type EpochProgress, fit, type StepProgress } from "../../training/fit.js";
import { type PauseHooks, pausable } from "../../training/pause.js";
import type { AttackConfiguration, TrainConfiguration } from "../records/configuration.js";
import { checkAttack, goalOf, makeAttack, type PrepareHooks, prepareAttack } from "./attack.js";
import { makeModel } from "./model.js";

/** What decides a victim, given the images. */
export type VictimOptions = Pick<
  TrainConfiguration,
  "seeds" | "model" | "attack" | "split" | "training"
>;

export interface TrainHooks extends Omit<PauseHooks, "onEpoch"> {
  /** Kernels compiled before the first step; see `FitOptions`. */
  onCompile?: (done: number, all: number) => void;
  onStep?: (progress: StepProgress) => void;
  /**
   * Called between epochs; the model is idle and may be examined.
   * @param attackState what the attack draws its triggers with now, where it is trained with the model
   */
  onEpoch?: (
    progress: EpochProgress,
    model: Classifier,
    attackState: () => Promise<StateDict | null>,
  ) => Promise<void> | void;
  signal?: AbortSignal;
}

export interface Victim {
  /** In evaluation mode; the caller releases its memory (`placementOf(model).release()`). */
  readonly model: Classifier;
  /** The defender's clean images, which the victim was not trained on if the split holds them out. */
  readonly tuning: ImageSet;
  readonly poisonedImages: number;
  /** What the attack's triggers are drawn with, where it is prepared: an examiner needs it. */
  readonly attackState: StateDict | null;
  /** Mean cross-entropy of the last epoch. */
  readonly loss: number;
}

/** The defender's clean images and the others, as the configuration splits them. */
export const splitFor = (options: Pick<VictimOptions, "seeds" | "split">, train: ImageSet) =>
  tuningSplit(train, { ...options.split, seed: options.seeds.split });

/** What a victim is trained on. */
export interface VictimData {
  /** The victim's images, some of them poisoned. */
  readonly poisoned: ImageSet;
  /** Where the attack poisons in the loop: in every epoch. */
  readonly poisonedImages: number;
  /** The defender's. */
  readonly tuning: ImageSet;
  readonly attack: Attack | null;
  /** What the attack was prepared with. */
  readonly attackState: StateDict | null;
}

/** @throws RangeError when the split or the attack cannot be made of these images */
export async function checkVictim(train: ImageSet, options: VictimOptions) {
  const split = splitFor(options, train);
  if (options.attack) await checkAttack(options.attack, split.train, options.seeds.poison);
  return split;
}

/** What an attack is made ready with: what was kept of that, or how to do it. */
export interface Preparation extends PrepareHooks {
  readonly device: Device;
  /** What an earlier preparation left. */
  readonly state?: StateDict | null;
}

/**
 * Holds the defender's tuning set out, makes the attack ready and poisons the rest.
 *
 * @param preparation for attacks that are prepared
 * @throws RangeError when the split or the attack cannot be made of these images
 */
export async function victimData(
  train: ImageSet,
  options: VictimOptions,
  preparation?: Preparation,
): Promise<VictimData> {
  const { seeds, attack } = options;
  const split = await checkVictim(train, options);
  const { tuning } = split;
  if (!attack) {
    return { poisoned: split.train, poisonedImages: 0, tuning, attack: null, attackState: null };
  }
  const prepared = await prepare(attack, split.train, seeds.poison, preparation);
  const attackState = prepared?.state ?? null;
  const made = await makeAttack(attack, train, prepared);
  const chosen = { ...goalOf(attack), rate: attack.rate, seed: seeds.poison };
  if (made.inLoop?.poisons) {
    const { poisoned } = selectPoisoned(split.train, made, chosen);
    const poisonedImages = poisoned.length;
    return { poisoned: split.train, poisonedImages, tuning, attack: made, attackState };
  }
  const { set, count } = await poison(split.train, made, chosen);
  return { poisoned: set, poisonedImages: count, tuning, attack: made, attackState };
}

async function prepare(
  attack: AttackConfiguration,
  train: ImageSet,
  seed: number,
  preparation: Preparation | undefined,
): Promise<Prepared | undefined> {
  if (!preparation) return undefined;
  const { device, state: kept, ...hooks } = preparation;
  const state = kept ?? (await prepareAttack(attack, train, seed, device, hooks));
  return state ? { state, device } : undefined;
}

/**
 * Trains a victim: fits a new model to the images with SGD (one-cycle schedule, random crops and
 * flips, short last batches left out), the attack taking part where it is one that does.
 *
 * @param train all training images, of which `victimData` is made; or that, if it is there already
 */
export async function trainVictim(
  device: Device,
  train: ImageSet | VictimData,
  options: VictimOptions,
  hooks: TrainHooks = {},
): Promise<Victim> {
  const { signal } = hooks;
  const { poisoned, attack, ...found } =
    "poisoned" in train
      ? train
      : await victimData(train, options, { device, ...(signal && { signal }) });
  const model = makeModel(options.model, poisoned, device, options.seeds.weights);
  let part: LoopPart | undefined;
  try {
    part = begin(attack, model, poisoned, options);
    const loss = await fitVictim(model, poisoned, options, part, hooks);
    const { tuning, poisonedImages } = found;
    const attackState = (await part?.state?.()) ?? found.attackState;
    return { model, tuning, poisonedImages, attackState, loss };
  } catch (error) {
    placementOf(model).release();
    throw error;
  } finally {
    part?.release?.();
  }
}

/** What an attack does inside the training. */
function begin(
  attack: Attack | null,
  model: Classifier,
  set: ImageSet,
  { attack: chosen, seeds, training }: VictimOptions,
): LoopPart | undefined {
  if (!attack?.inLoop || !chosen) return undefined;
  const { rate } = chosen;
  return attack.inLoop.begin({
    ...{ model, set, rate },
    targetOf: targetsOf(set, goalOf(chosen), attack.kind),
    seed: seeds.poison,
    batchSize: training.batchSize,
    epochs: training.epochs,
    objective: classification(),
  });
}

async function fitVictim(
  model: Classifier,
  set: ImageSet,
  { seeds, training }: VictimOptions,
  part: LoopPart | undefined,
  { onEpoch, ...hooks }: TrainHooks,
): Promise<number> {
  const { epochs, batchSize, augmentation, lr, momentum, weightDecay, precision } = training;
  let loss = hooks.resume?.loss ?? Number.NaN;
  const { length } = batchSizes(set.labels.length, { batchSize, dropLast: true }, "images");
  const optimizer = new SGD(model, { lr, momentum, weightDecay });
  const { objective, updates, trained = [] } = part ?? {};
  try {
    model.train();
    await fit(model, set, optimizer, {
      ...{ epochs, batchSize, seed: seeds.batches, augmentation, precision },
      schedule: oneCycle(lr, epochs * length),
      dropLast: true,
      ...(objective && { objective }),
      ...(updates && { updates }),
      ...(part?.onBatch && { onBatch: (batch, at) => part.onBatch?.(batch, at) }),
      ...pausable(
        model,
        optimizer,
        {
          ...hooks,
          onEpoch: async (progress) => {
            loss = progress.loss;
            await onEpoch?.(progress, model, async () => (await part?.state?.()) ?? null);
          },
        },
        trained,
      ),
    });
  } finally {
    optimizer.release();
  }
  model.eval();
  return loss;
}

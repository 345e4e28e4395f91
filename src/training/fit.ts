import { backward } from "../autograd/tape.js";
import type { ImageSet } from "../data/image-set.js";
import { BatchLoader } from "../data/loader.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import { type CrossEntropyOptions, crossEntropy } from "../ops/cross-entropy.js";
import { add } from "../ops/elementwise.js";
import type { Schedule } from "../optim/schedules.js";
import type { SGD } from "../optim/sgd.js";
import type { Tensor } from "../tensor/tensor.js";
import { type Augmentation, BatchInput, noAugmentation } from "./batch-input.js";

export interface FitOptions {
  epochs: number;
  batchSize: number;
  /** Decides the order of the images and their augmentation. */
  seed: number;
  schedule: Schedule;
  /** Whether the schedule counts steps (default) or epochs. */
  scheduleBy?: "step" | "epoch";
  augmentation?: Augmentation;
  /** Leave out the last batch of an epoch if it is smaller. */
  dropLast?: boolean;
  loss?: Pick<CrossEntropyOptions, "labelSmoothing" | "smoothingOver">;
  /** A scalar added to the loss. */
  penalty?: () => Tensor;
  /** Runs after every optimizer step. */
  afterStep?: () => void;
  /** Called when the loss of a step is known, a few steps after it was enqueued. */
  onStep?: (progress: StepProgress) => void;
  /** Called between epochs; the model is idle and may be read. */
  onEpoch?: (progress: EpochProgress) => Promise<void> | void;
  /** The first epoch to run, when a run is resumed. */
  startEpoch?: number;
  /** Stops between two steps; `fit` then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface StepProgress {
  epoch: number;
  epochs: number;
  /** Steps done since the start of the run, and all it will take. */
  step: number;
  steps: number;
  /** Images seen since `fit` was called, and the seconds since. */
  images: number;
  seconds: number;
  /** Cross-entropy of the batch, without the penalty. */
  loss: number;
  lr: number;
}

export interface EpochProgress {
  epoch: number;
  epochs: number;
  /** Mean cross-entropy over the epoch's images. */
  loss: number;
  lr: number;
}

/** Steps that may be enqueued before the loss of the oldest is awaited. */
const stepsInFlight = 2;

/**
 * Trains a placed classifier: for every batch, augment, forward, cross-entropy (+ penalty),
 * backward, optimizer step. The batches, their order and augmentation follow from the seed and the
 * epoch alone, so a run resumed at an epoch continues as if it had not stopped.
 */
export async function fit(
  model: Classifier,
  set: ImageSet,
  optimizer: SGD,
  options: FitOptions,
): Promise<void> {
  const { device } = placementOf(model);
  const { epochs, batchSize, seed, schedule, scheduleBy = "step", startEpoch = 0 } = options;
  const { augmentation = noAugmentation, dropLast = false } = options;
  const loader = new BatchLoader(set, { batchSize, seed, dropLast });
  const inputs = new Map<number, BatchInput>();
  const steps = epochs * loader.length;
  const started = performance.now();
  let images = 0;
  let sum = 0;
  const pending: (() => Promise<void>)[] = [];
  const settle = async (left: number): Promise<void> => {
    while (pending.length > left) await pending.shift()?.();
  };

  try {
    for (let epoch = startEpoch; epoch < epochs; epoch++) {
      sum = 0;
      let seen = 0;
      let k = 0;
      for (const batch of loader.epoch(epoch)) {
        options.signal?.throwIfAborted();
        const step = epoch * loader.length + k;
        const setting = schedule(scheduleBy === "step" ? step : epoch);
        optimizer.set(setting);
        const input = inputs.get(batch.count) ?? new BatchInput(device, set, batch.count);
        inputs.set(batch.count, input);
        input.write(batch, seed, epoch, k);
        const loss = trainStep(model, input, augmentation, optimizer, options);
        device.flush();
        images += batch.count;
        seen += batch.count;
        const progress = { epoch, epochs, step: step + 1, steps, images, lr: setting.lr };
        const count = batch.count;
        pending.push(async () => {
          const value = (await loss)[0] ?? Number.NaN;
          sum += value * count;
          checkFinite(value, progress.step);
          const seconds = (performance.now() - started) / 1000;
          options.onStep?.({ ...progress, seconds, loss: value });
        });
        await settle(stepsInFlight);
        k++;
      }
      await settle(0);
      await options.onEpoch?.({ epoch, epochs, loss: sum / seen, lr: optimizer.lr });
    }
  } finally {
    await Promise.allSettled(pending.map((p) => p()));
    for (const input of inputs.values()) input.release();
  }
}

/** Enqueues one step; resolves to the batch's cross-entropy. */
function trainStep(
  model: Classifier,
  input: BatchInput,
  augmentation: Augmentation,
  optimizer: SGD,
  options: FitOptions,
): Promise<Float32Array> {
  using _ = placementOf(model).device.scope();
  const logits = model.forward(input.images(augmentation));
  const loss = crossEntropy(logits, input.labels, options.loss).keep();
  const total = options.penalty ? add(loss, options.penalty()) : loss;
  backward(total, { release: true });
  optimizer.step();
  options.afterStep?.();
  const value = loss.read();
  loss.release();
  return value;
}

function checkFinite(loss: number, step: number): void {
  if (!Number.isFinite(loss)) {
    throw new Error(
      `the loss became ${loss} at step ${step}: training diverged; lower the learning rate`,
    );
  }
}

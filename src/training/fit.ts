import type { ImageSet } from "../data/image-set.js";
import { BatchLoader } from "../data/loader.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import type { LossScale } from "../optim/loss-scaler.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Schedule } from "../optim/schedules.js";
import { BatchInput, noAugmentation } from "./batch-input.js";
import { MixedPrecision, type Precision } from "./precision.js";
import { type StepOptions, TrainStep } from "./step.js";

export interface FitOptions extends Partial<Omit<StepOptions, "mixed">> {
  /** Default "f32". "mixed" needs a device with 16-bit floats. */
  precision?: Precision;
  /** Where the loss scale of a resumed run in mixed precision goes on. */
  lossScale?: LossScale;
  epochs: number;
  batchSize: number;
  /** Decides the order of the images and their augmentation. */
  seed: number;
  schedule: Schedule;
  /** Whether the schedule counts steps (default) or epochs. */
  scheduleBy?: "step" | "epoch";
  /** Leave out the last batch of an epoch if it is smaller. */
  dropLast?: boolean;
  /**
   * Called while kernels are compiled, ahead of the first step of each batch size: how many of all
   * that were missing are done. Not called when none was.
   */
  onCompile?: (done: number, all: number) => void;
  /** Called when the loss of a step is known, a few steps after it was enqueued. */
  onStep?: (progress: StepProgress) => void;
  /**
   * Called between epochs; the model is idle and may be read. Modes it changes are put back: those
   * that modules had when `fit` was called hold for all of it.
   */
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
  /** In mixed precision. */
  lossScale?: LossScale;
}

/** Steps that may be enqueued before the loss of the oldest is awaited. */
const stepsInFlight = 2;

/**
 * Trains a placed classifier, a `TrainStep` for every batch. The batches, their order and
 * augmentation follow from the seed and the epoch alone, so a run resumed at an epoch continues as if
 * it had not stopped. Every module's mode is afterwards what it was before.
 */
export async function fit(
  model: Classifier,
  set: ImageSet,
  optimizer: Optimizer,
  options: FitOptions,
): Promise<void> {
  const { device } = placementOf(model);
  const { epochs, batchSize, seed, schedule, scheduleBy = "step", startEpoch = 0 } = options;
  const { dropLast = false } = options;
  const mixed = options.precision === "mixed" ? new MixedPrecision(model) : undefined;
  if (options.lossScale) mixed?.scaler.load(options.lossScale);
  const stepOptions: StepOptions = {
    augmentation: noAugmentation,
    ...options,
    ...(mixed && { mixed }),
  };
  const loader = new BatchLoader(set, { batchSize, seed, dropLast });
  const sizes = new Map<number, { input: BatchInput; train: TrainStep }>();
  const forSize = async (count: number) => {
    const found = sizes.get(count);
    if (found) return found;
    const input = new BatchInput(device, set, count);
    const made = { input, train: new TrainStep(model, input, optimizer, stepOptions) };
    sizes.set(count, made);
    await made.train.ready(options.onCompile);
    return made;
  };
  const restoreModes = model.saveModes();
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
        const { input, train } = await forSize(batch.count);
        input.write(batch, seed, epoch, k);
        const loss = train.run();
        device.flush();
        images += batch.count;
        seen += batch.count;
        const progress = { epoch, epochs, step: step + 1, steps, images, lr: setting.lr };
        const count = batch.count;
        pending.push(async () => {
          const value = await loss;
          sum += value * count;
          checkFinite(value, progress.step, mixed !== undefined);
          const seconds = (performance.now() - started) / 1000;
          options.onStep?.({ ...progress, seconds, loss: value });
        });
        await settle(stepsInFlight);
        k++;
      }
      await settle(0);
      const lossScale = await mixed?.scaler.read();
      const progress = { epoch, epochs, loss: sum / seen, lr: optimizer.lr };
      await options.onEpoch?.({ ...progress, ...(lossScale && { lossScale }) });
      restoreModes();
    }
  } finally {
    restoreModes();
    await Promise.allSettled(pending.map((p) => p()));
    for (const { input, train } of sizes.values()) {
      train.release();
      input.release();
    }
    mixed?.release();
  }
}

function checkFinite(loss: number, step: number, mixed: boolean): void {
  if (!Number.isFinite(loss)) {
    throw new Error(
      `the loss became ${loss} at step ${step}: training diverged; lower the learning rate` +
        (mixed ? ', or train with precision "f32"' : ""),
    );
  }
}

import type { Images } from "../data/image-source.js";
import type { Batch } from "../data/loader.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import { type CrossEntropyOptions, crossEntropy } from "../ops/cross-entropy.js";
import type { LossScale } from "../optim/loss-scaler.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Schedule } from "../optim/schedules.js";
import { type Augmentation, noAugmentation } from "./batch-input.js";
import type { Batches, ImageBatch, Moment } from "./feed.js";
import { ImageBatches } from "./image-batches.js";
import { MixedPrecision, type Precision } from "./precision.js";
import type { GradientRule, Objective, Update } from "./step.js";
import { StepRunner } from "./step-runner.js";
import {
  type HostTensors,
  type TensorBatch,
  TensorBatches,
  type TensorSet,
} from "./tensor-batches.js";

/** What `fit` takes whatever it trains on. */
export interface LoopOptions<Host, DeviceBatch> {
  epochs: number;
  batchSize: number;
  /** Decides the order of the examples, their augmentation and the step's random states. */
  seed: number;
  schedule: Schedule;
  /** Whether the schedule counts steps (default) or epochs. */
  scheduleBy?: "step" | "epoch";
  /** Leave out the last batch of an epoch if it is smaller. */
  dropLast?: boolean;
  /** How the model's gradients come to be; by default once from the objective. */
  gradients?: GradientRule;
  /** Follows the optimizer's step; made of ops. */
  afterStep?: () => void;
  /**
   * Other models with an optimizer and an objective of their own, updated in every step after the
   * first one, in this order. Each objective trains its own model alone.
   */
  updates?: readonly Update<DeviceBatch>[];
  /** Called before a batch goes to the device; may change its values in place. */
  onBatch?: (batch: Host, at: Moment) => Promise<void> | void;
  /** Called when a step is enqueued; what it enqueues runs before the next step. */
  onEnqueued?: (at: Moment) => Promise<void> | void;
  /**
   * Called while kernels are compiled, ahead of the first step of each batch size: how many of all
   * that were missing are done. Not called when none was.
   */
  onCompile?: (done: number, all: number) => void;
  /** Called when the loss of a step is known, a few steps after it was enqueued. */
  onStep?: (progress: StepProgress) => void;
  /**
   * Called between epochs; the models are idle and may be read. Modes it changes are put back: those
   * that modules had when `fit` was called hold for all of it.
   */
  onEpoch?: (progress: EpochProgress) => Promise<void> | void;
  /** The first epoch to run, when a run is resumed. */
  startEpoch?: number;
  /** Stops between two steps; `fit` then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface FitOptions extends LoopOptions<Batch, ImageBatch> {
  /** What a step minimises. Default: `classification(loss)`. */
  objective?: Objective<ImageBatch>;
  /** For the default objective. */
  loss?: Pick<CrossEntropyOptions, "labelSmoothing" | "smoothingOver">;
  augmentation?: Augmentation;
  /** Default "f32". "mixed" needs a device with 16-bit floats. */
  precision?: Precision;
  /** Where the loss scale of a resumed run in mixed precision goes on. */
  lossScale?: LossScale;
}

export interface TensorFitOptions<Name extends string>
  extends LoopOptions<HostTensors<Name>, TensorBatch<Name>> {
  /** What a step minimises. */
  objective: Objective<TensorBatch<Name>>;
}

export interface StepProgress {
  epoch: number;
  epochs: number;
  /** Steps done since the start of the run, and all it will take. */
  step: number;
  steps: number;
  /** Examples seen since `fit` was called, and the seconds since. */
  images: number;
  seconds: number;
  /** The objective's value, or what it reported as "loss". */
  loss: number;
  /** All that the objectives reported, "loss" among them; those of other updates as "1: loss" and so on. */
  reports: Readonly<Record<string, number>>;
  lr: number;
}

export interface EpochProgress {
  epoch: number;
  epochs: number;
  /** Mean loss over the epoch's examples. */
  loss: number;
  lr: number;
  /** In mixed precision. */
  lossScale?: LossScale;
}

/** Steps that may be enqueued before the loss of the oldest is awaited. */
const stepsInFlight = 2;

/** The objective of a classifier: mean cross-entropy of its logits with the labels. */
export const classification =
  (
    options: Pick<CrossEntropyOptions, "labelSmoothing" | "smoothingOver"> = {},
  ): Objective<ImageBatch> =>
  ({ images, labels }, context) =>
    crossEntropy(context.forward(images), labels, options);

/**
 * Trains a placed model, a recorded step for every batch, on images or on any tensors. The batches,
 * their order and augmentation follow from the seed and the epoch alone, so a run resumed at an epoch
 * continues as if it had not stopped. Every module's mode is afterwards what it was before.
 *
 * @throws Error when the loss becomes NaN or infinite
 */
export async function fit(
  model: Module,
  data: Images,
  optimizer: Optimizer,
  options: FitOptions,
): Promise<void>;
export async function fit<Name extends string>(
  model: Module,
  data: TensorSet<Name>,
  optimizer: Optimizer,
  options: TensorFitOptions<Name>,
): Promise<void>;
export async function fit<Name extends string>(
  model: Module,
  data: Images | TensorSet<Name>,
  optimizer: Optimizer,
  options: FitOptions | TensorFitOptions<Name>,
): Promise<void> {
  if ("fields" in data) {
    await fitTensors(model, data, optimizer, options as TensorFitOptions<Name>);
  } else {
    await fitImages(model, data, optimizer, options as FitOptions);
  }
}

async function fitImages(
  model: Module,
  set: Images,
  optimizer: Optimizer,
  options: FitOptions,
): Promise<void> {
  const { device } = placementOf(model);
  const { augmentation = noAugmentation, objective = classification(options.loss) } = options;
  const mixed = options.precision === "mixed" ? new MixedPrecision(model) : undefined;
  try {
    if (options.lossScale) mixed?.scaler.load(options.lossScale);
    const dtype = mixed ? "f16" : "f32";
    const batches = new ImageBatches(device, set, { ...options, augmentation, dtype });
    const update = { ...options, model, optimizer, objective, ...(mixed && { mixed }) };
    await loop(batches, [update, ...(options.updates ?? [])], options, mixed);
  } finally {
    mixed?.release();
  }
}

async function fitTensors<Name extends string>(
  model: Module,
  set: TensorSet<Name>,
  optimizer: Optimizer,
  options: TensorFitOptions<Name>,
): Promise<void> {
  const { device } = placementOf(model);
  const batches = new TensorBatches(device, set, options);
  const { objective, updates = [] } = options;
  if (!objective) throw new TypeError("fit: tensors need an objective, (batch, context) => loss");
  await loop(batches, [{ ...options, model, optimizer, objective }, ...updates], options);
}

async function loop<Host, DeviceBatch>(
  batches: Batches<Host, DeviceBatch>,
  updates: readonly [Update<DeviceBatch>, ...Update<DeviceBatch>[]],
  options: LoopOptions<Host, DeviceBatch>,
  mixed?: MixedPrecision,
): Promise<void> {
  const { epochs, seed, schedule, scheduleBy = "step", startEpoch = 0 } = options;
  const [{ model, optimizer }] = updates;
  const { device } = placementOf(model);
  const runner = new StepRunner(batches, updates);
  const modes = updates.map((update) => update.model.saveModes());
  const restoreModes = (): void => {
    for (const restore of modes) restore();
  };
  const steps = epochs * batches.length;
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
      for await (const batch of batches.epoch(epoch)) {
        options.signal?.throwIfAborted();
        const at: Moment = { seed, epoch, step: k };
        const step = epoch * batches.length + k;
        const setting = schedule(scheduleBy === "step" ? step : epoch);
        optimizer.set(setting);
        await options.onBatch?.(batch, at);
        const known = await runner.run(batch, at, options.onCompile);
        device.flush();
        await options.onEnqueued?.(at);
        const { count } = batch;
        images += count;
        seen += count;
        const progress = { epoch, epochs, step: step + 1, steps, images, lr: setting.lr };
        pending.push(async () => {
          const reports = await known.reports;
          const loss = reports.loss ?? Number.NaN;
          sum += loss * count;
          checkFinite(loss, progress.step, mixed !== undefined);
          const seconds = (performance.now() - started) / 1000;
          options.onStep?.({ ...progress, seconds, loss, reports });
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
    await Promise.allSettled(pending.map((p) => p()));
    restoreModes();
    runner.release();
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

import { noGrad } from "../autograd/tape.js";
import type { ImageSet } from "../data/image-set.js";
import type { Classifier } from "../models/classifier.js";
import type { Linear } from "../nn/layers.js";
import { placementOf } from "../nn/place.js";
import { add, affine, mul, powScalar, square } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { cosine } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import { tensor } from "../tensor/create.js";
import { Philox } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Augmentation } from "../training/batch-input.js";
import { classification, fit, type StepProgress } from "../training/fit.js";
import { type PauseHooks, pausable } from "../training/pause.js";
import { checkPrecision, type Precision } from "../training/precision.js";

/** What tells the five tuning methods apart (FST paper, section 3 and algorithm 1). */
export interface TuningMethod {
  readonly name: string;
  readonly title: string;
  /** One line on what it does. */
  readonly doc: string;
  /** Re-draw the head before tuning. */
  readonly redrawHead: boolean;
  readonly tuned: "all" | "head" | "features";
  /** Add alpha <W, W_ori> to the loss and hold the head's norm. */
  readonly shift: boolean;
}

/** Every choice of the loop. Defaults are the paper's for CIFAR-10. */
export interface TuningOptions {
  epochs: number;
  lr: number;
  momentum: number;
  weightDecay: number;
  batchSize: number;
  seed: number;
  /** Weight of <W, W_ori>: 0.2 on CIFAR-10, 0.1 on GTSRB, 0.001 on CIFAR-100 and Tiny-ImageNet. */
  alpha: number;
  /**
   * Rescale the head to its original norm after each step: in every method, as the authors' code
   * does (its FT and FT-init have pinned norms, and FE-tuning's frozen head gets the original
   * norm), or in FST only.
   */
  projection: "fst" | "all";
  /** Rescale the re-drawn head before the first step too (the authors' code does not). */
  projectAtStart: boolean;
  /** Re-draw the head's bias together with its weight. */
  redrawBias: boolean;
  /** Batch norm in training mode (statistics drift with the tuning set) or frozen. */
  batchNorm: "train" | "frozen";
  labelSmoothing: number;
  augmentation: Augmentation;
  precision: Precision;
}

export const tuningDefaults: TuningOptions = {
  epochs: 10,
  lr: 0.01,
  momentum: 0.9,
  weightDecay: 0,
  batchSize: 128,
  seed: 0,
  alpha: 0.2,
  projection: "all",
  projectAtStart: false,
  redrawBias: true,
  batchNorm: "train",
  labelSmoothing: 0,
  augmentation: { pad: 4, flip: true },
  precision: "f32",
};

/** What a defense may see: the model and clean images. It never sees the trigger. */
export interface DefenseInput extends PauseHooks {
  readonly model: Classifier;
  readonly tuning: ImageSet;
  /** Kernels compiled before the first step; see `FitOptions`. */
  readonly onCompile?: (done: number, all: number) => void;
  readonly onStep?: (progress: StepProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Tunes a model in place on clean images: one loop, five methods. Steps as in the authors' code:
 * keep W_ori and C = ||W_ori||; re-draw the head; then per batch loss = CE + alpha <W, W_ori>, SGD
 * step, W := W C / ||W||; cosine schedule stepped once an epoch; the last iterate is the result.
 */
export async function tune(
  method: TuningMethod,
  input: DefenseInput,
  changes: Partial<TuningOptions> = {},
): Promise<void> {
  const options = { ...tuningDefaults, ...changes };
  checkOptions(options, input.tuning);
  const { model, tuning, ...hooks } = input;
  const { device } = placementOf(model);
  checkPrecision(device, options.precision);
  const head = model.head;
  const weight = head.weight.value;
  const before = await weight.read();
  const norm = Math.sqrt(before.reduce((n, w) => n + w * w, 0));
  const original = tensor(device, before, weight.shape).keep();
  const restore = choose(model, method.tuned);
  const project = (): void => projectTo(weight, norm);
  const { labelSmoothing } = options;
  const classify = classification({ labelSmoothing, smoothingOver: "others" });
  const projects = method.shift || options.projection === "all";
  let optimizer: SGD | undefined;
  try {
    if (method.redrawHead) redraw(head, options);
    if (projects && options.projectAtStart) project();
    if (options.batchNorm === "train") model.train();
    else model.eval();
    optimizer = new SGD(model, options);
    await fit(model, tuning, optimizer, {
      ...hooks,
      ...pausable(model, optimizer, hooks),
      epochs: options.epochs,
      batchSize: options.batchSize,
      seed: options.seed,
      schedule: cosine(options.lr, options.epochs),
      scheduleBy: "epoch",
      augmentation: options.augmentation,
      precision: options.precision,
      objective: (batch, context) => {
        const loss = classify(batch, context);
        context.report("loss", loss);
        return method.shift ? add(loss, alignment(weight, original, options.alpha)) : loss;
      },
      ...(projects ? { afterStep: project } : {}),
    });
  } finally {
    optimizer?.release();
    restore();
    model.eval();
    original.release();
  }
}

/** alpha * sum of W * W_ori over all entries: no mean, no cosine, no bias. */
export const alignment = (weight: Tensor, original: Tensor, alpha: number): Tensor =>
  affine(sum(mul(weight, original)), alpha);

/** W := W * norm / ||W||_F, one factor for the whole matrix, outside the gradient graph. */
export function projectTo(weight: Tensor, norm: number): void {
  using _ = weight.device.scope();
  noGrad(() => {
    const factor = affine(powScalar(sum(square(weight)), -0.5), norm);
    const scaled = mul(weight.detach(), factor);
    weight.device.run("copy", { src: scaled.slice, dst: weight.slice });
  });
}

/** Draws the head anew from PyTorch's default law, weight and bias from U(+-1/sqrt(fan-in)). */
function redraw(head: Linear, options: TuningOptions): void {
  const draw = (name: "weight" | "bias"): void => {
    const p = head[name];
    p?.value.write(p.toDevice(p.init(p.shape, new Philox(options.seed, 0, `redrawn ${name}`))));
  };
  draw("weight");
  if (options.redrawBias) draw("bias");
}

/** Sets what is trainable; returns the way back. */
function choose(model: Classifier, tuned: TuningMethod["tuned"]): () => void {
  const inHead = new Set([model.head.weight, model.head.bias]);
  const before = model.parameters().map(([, p]) => [p, p.trainable] as const);
  for (const [p] of before) p.trainable = tuned === "all" || inHead.has(p) === (tuned === "head");
  return () => {
    for (const [p, trainable] of before) p.trainable = trainable;
  };
}

function checkOptions(options: TuningOptions, tuning: ImageSet): void {
  const must = (ok: boolean, name: string, value: number, form: string): void => {
    if (!ok) throw new RangeError(`tuning: ${name} must be ${form}, not ${value}`);
  };
  const { epochs, batchSize, lr, momentum, alpha } = options;
  must(Number.isInteger(epochs) && epochs > 0, "epochs", epochs, "a positive integer");
  must(Number.isInteger(batchSize) && batchSize > 0, "batchSize", batchSize, "a positive integer");
  must(lr > 0 && Number.isFinite(lr), "lr", lr, "above 0");
  must(momentum >= 0 && momentum < 1, "momentum", momentum, "in [0, 1)");
  must(Number.isFinite(alpha), "alpha", alpha, "a number");
  if (tuning.labels.length === 0) throw new RangeError("tuning: the tuning set has no images");
}

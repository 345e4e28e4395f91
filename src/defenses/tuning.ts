import { noGrad } from "../autograd/tape.js";
import type { Images } from "../data/image-source.js";
import type { Classifier } from "../models/classifier.js";
import type { Linear } from "../nn/layers.js";
import { placementOf } from "../nn/place.js";
import { add, affine, mul, powScalar, square } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { cosine } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import {
  type Definition,
  flag,
  integer,
  number,
  oneOf,
  settings,
  type Values,
} from "../schema/index.js";
import { tensor } from "../tensor/create.js";
import { Philox } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import { augmentationSettings } from "../training/batch-input.js";
import { classification, fit } from "../training/fit.js";
import { pausable } from "../training/pause.js";
import { checkPrecision, precisionField } from "../training/precision.js";
import { type DefenseDefinition, type DefenseHooks, defineDefense } from "./defense.js";

/** Every choice of the loop. Defaults are the paper's for CIFAR-10. */
const fields = {
  epochs: integer({ min: 1, default: 10, doc: "passes over the tuning images" }),
  lr: number({
    above: 0,
    default: 0.01,
    doc: "first rate of the cosine schedule",
    placeholder: "rate",
  }),
  momentum: number({ min: 0, below: 1, default: 0.9, doc: "momentum of SGD" }),
  weightDecay: number({ min: 0, default: 0, doc: "L2 penalty" }),
  batchSize: integer({ min: 1, default: 128, doc: "images a step" }),
  dropLast: flag({
    default: false,
    past: false,
    doc: "leave out the last batch of an epoch if it is smaller",
  }),
  seed: integer({ min: 0, default: 0, doc: "decides the re-drawn head and the batches" }),
  alpha: number({
    default: 0.2,
    doc: "fst: weight of <W, W_ori>; 0.2 on CIFAR-10, 0.1 on GTSRB, 0.001 with 100 and more classes",
  }),
  // The authors' code has pinned norms in FT and FT-init too, and FE-tuning's frozen head gets the
  // original norm.
  projection: oneOf(["fst", "all"], {
    default: "all",
    doc: "hold the head's norm in fst only, or in all methods as the authors' code does",
  }),
  projectAtStart: flag({
    default: false,
    doc: "rescale a re-drawn head before the first step too (the authors' code does not)",
  }),
  redrawBias: flag({
    default: true,
    doc: "re-drawing the head's bias together with its weight",
  }),
  batchNorm: oneOf(["train", "frozen"], {
    default: "train",
    doc: "train: batch statistics, running ones drift; frozen: as they are",
  }),
  labelSmoothing: number({ min: 0, below: 1, default: 0, doc: "label smoothing" }),
  augmentation: augmentationSettings,
  precision: precisionField,
};

export const tuningSettings = settings("tuning", fields);
export type TuningOptions = Values<typeof fields>;
export const tuningDefaults: TuningOptions = tuningSettings.fill();

/** A method of the tuning loop, and what tells it from the others (FST paper, section 3). */
export interface TuningMethod extends Omit<Definition, "options"> {
  /** Re-draw the head before tuning. */
  readonly redrawHead: boolean;
  readonly tuned: "all" | "head" | "features";
  /** Add alpha <W, W_ori> to the loss and hold the head's norm. */
  readonly shift: boolean;
}

export function tuningDefense(method: TuningMethod): DefenseDefinition<typeof fields> {
  const { name, title, doc, source } = method;
  return defineDefense({
    ...{ name, title, doc, source, options: fields },
    check(device, clean, { precision }) {
      checkPrecision(device, precision);
      if (clean.labels.length === 0) throw new RangeError("tuning: the clean set has no images");
    },
    epochs: ({ epochs }) => epochs,
    run: (model, clean, options, hooks) => tune(method, model, clean, options, hooks),
  });
}

/**
 * Tunes a model in place on clean images: one loop, five methods. Steps as in the authors' code
 * (algorithm 1): keep W_ori and C = ||W_ori||; re-draw the head; then per batch loss = CE + alpha
 * <W, W_ori>, SGD step, W := W C / ||W||; cosine schedule stepped once an epoch; the last iterate is
 * the result.
 *
 * @throws ModelDataError when the images are not such as the model takes, before anything is changed
 * @throws NonFiniteError when the model is or becomes NaN or infinite
 */
async function tune(
  method: TuningMethod,
  model: Classifier,
  clean: Images,
  options: TuningOptions,
  hooks: DefenseHooks,
): Promise<void> {
  const { device } = placementOf(model);
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
    const { lr, momentum, weightDecay } = options;
    optimizer = new SGD(model, { lr, momentum, weightDecay });
    await fit(model, clean, optimizer, {
      ...pausable(model, optimizer, hooks),
      epochs: options.epochs,
      batchSize: options.batchSize,
      dropLast: options.dropLast,
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

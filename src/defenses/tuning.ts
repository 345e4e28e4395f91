import { noGrad } from "../autograd/tape.js";
import type { Images } from "../data/image-source.js";
import type { Classifier } from "../models/classifier.js";
import type { Linear } from "../nn/layers.js";
import { placementOf } from "../nn/place.js";
import { add, affine, mul, powScalar, square } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { type Definition, flag, number, oneOf, settings, type Values } from "../schema/index.js";
import { tensor } from "../tensor/create.js";
import { Philox } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import { classification } from "../training/fit.js";
import { checkPrecision, precisionField } from "../training/precision.js";
import { type DefenseDefinition, type DefenseHooks, defineDefense } from "./defense.js";
import { sgdFields, tuneBySgd } from "./sgd.js";
import { trainOnly } from "./trainable.js";

/** Every choice of the loop. Defaults are the paper's for CIFAR-10. */
const { augmentation, ...loop } = sgdFields();
const fields = {
  ...loop,
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
  augmentation,
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
  const norm = frobenius(before);
  const original = tensor(device, before, weight.shape).keep();
  const inHead = new Set([head.weight, head.bias]);
  const { tuned } = method;
  const restore = trainOnly(model, (p) => tuned === "all" || inHead.has(p) === (tuned === "head"));
  const project = (): void => projectTo(weight, norm);
  const { labelSmoothing } = options;
  const classify = classification({ labelSmoothing, smoothingOver: "others" });
  const projects = method.shift || options.projection === "all";
  try {
    if (method.redrawHead) redraw(head, options);
    if (projects && options.projectAtStart) project();
    if (options.batchNorm === "train") model.train();
    else model.eval();
    await tuneBySgd(model, clean, options, hooks, {
      precision: options.precision,
      objective: (batch, context) => {
        const loss = classify(batch, context);
        context.report("loss", loss);
        return method.shift ? add(loss, alignment(weight, original, options.alpha)) : loss;
      },
      ...(projects ? { afterStep: project } : {}),
    });
  } finally {
    restore();
    model.eval();
    original.release();
  }
}

/** alpha * sum of W * W_ori over all entries: no mean, no cosine, no bias. */
export const alignment = (weight: Tensor, original: Tensor, alpha: number): Tensor =>
  affine(sum(mul(weight, original)), alpha);

/** ||W||_F. */
export const frobenius = (w: Float32Array): number => Math.sqrt(w.reduce((n, x) => n + x * x, 0));

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
export function redraw(head: Linear, options: Pick<TuningOptions, "seed" | "redrawBias">): void {
  const draw = (name: "weight" | "bias"): void => {
    const p = head[name];
    p?.value.write(p.toDevice(p.init(p.shape, new Philox(options.seed, 0, `redrawn ${name}`))));
  };
  draw("weight");
  if (options.redrawBias) draw("bias");
}

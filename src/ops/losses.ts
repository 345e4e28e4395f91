import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { elementwise, square, sub } from "./elementwise.js";
import { mean, sum } from "./reduce.js";

export interface LossOptions {
  /** Default "mean" over all elements; "none" gives the loss of each. */
  reduction?: "mean" | "sum" | "none";
}

const lossOptions: OptionTable<LossOptions> = { reduction: ["mean", "sum", "none"] };

/** (prediction - target)^2, both of one shape. */
export const mse = (prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  loss("mse", prediction, target, options, () => square(sub(prediction, target)));

/**
 * Binary cross-entropy -t ln p - (1 - t) ln(1 - p) of probabilities p in [0, 1] and targets t of one
 * shape; logarithms are held at -100, as in PyTorch.
 */
export const bce = (probabilities: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  loss("bce", probabilities, target, options, () => elementwise("bce", [probabilities, target]));

/** Binary cross-entropy of sigmoid(logits) and targets of one shape, without overflow. */
export const bceWithLogits = (logits: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  loss("bceWithLogits", logits, target, options, () =>
    elementwise("bceWithLogits", [logits, target]),
  );

function loss(op: string, a: Tensor, b: Tensor, options: LossOptions, each: () => Tensor): Tensor {
  checkOptions(op, options, lossOptions);
  const { reduction = "mean" } = options;
  if (!sameShape(a.shape, b.shape)) {
    throw new ShapeError(
      `${op}: ${formatShape(a.shape)} and its target ${formatShape(b.shape)} must be of one shape; ` +
        "use reshape or expand",
    );
  }
  if (reduction === "none") return each();
  return reduction === "sum" ? sum(each()) : mean(each());
}

import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { empty } from "../tensor/create.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs, checkRank } from "./arguments.js";
import { cast } from "./cast.js";
import { mean, sum } from "./reduce.js";

export interface CrossEntropyOptions {
  /** Share of the target's weight that is spread over classes. Default 0. */
  labelSmoothing?: number;
  /** Spread over all classes (PyTorch's rule, default) or over the wrong ones only (FST's code). */
  smoothingOver?: "all" | "others";
  /** Default "mean"; "none" gives one loss per row. */
  reduction?: "mean" | "sum" | "none";
}

/**
 * Softmax cross-entropy, in f32, of logits [rows, classes] with labels u32 [rows]:
 * -sum_c t_c log softmax(logits)_c, t the (smoothed) one-hot target.
 * A label outside the classes gives NaN, which the next read of the loss shows.
 */
export function crossEntropy(
  given: Tensor,
  labels: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { labelSmoothing = 0, smoothingOver = "all", reduction = "mean" } = options;
  checkInputs("crossEntropy", [given], "float");
  const logits = cast(given, "f32");
  checkInputs("crossEntropy (labels)", [labels], "u32");
  checkRank("crossEntropy", "logits", logits, 2, "[rows, classes]");
  const [rows, classes] = logits.shape as [number, number];
  if (!sameShape(labels.shape, [rows])) {
    throw new ShapeError(
      `crossEntropy: logits ${formatShape(logits.shape)} need labels [${rows}], not ` +
        formatShape(labels.shape),
    );
  }
  if (logits.size === 0) throw new ShapeError("crossEntropy: an empty batch has no loss");
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new ShapeError(`crossEntropy: labelSmoothing ${labelSmoothing} must be in [0, 1)`);
  }
  const off = labelSmoothing / (smoothingOver === "all" ? classes : Math.max(1, classes - 1));
  const on = 1 - labelSmoothing + (smoothingOver === "all" ? off : 0);
  const device = logits.device;
  const loss = empty(device, [rows], "f32", "loss");
  const probabilities = empty(device, [rows, classes], "f32", "probabilities");
  const common = {
    labels: labels.slice,
    probabilities: probabilities.slice,
    rows,
    classes,
    on,
    off,
  };
  device.run("softmaxCrossEntropy", { ...common, logits: logits.slice, loss: loss.slice });
  record("crossEntropy", loss, [logits], [labels, probabilities], (dloss, sink) => {
    const dlogits = sink(0);
    device.run("softmaxCrossEntropyBackward", {
      ...common,
      dloss: dloss.slice,
      dlogits: dlogits.slice,
    });
    return [dlogits];
  });
  if (reduction === "none") return loss;
  return reduction === "sum" ? sum(loss) : mean(loss);
}

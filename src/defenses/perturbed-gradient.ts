import { noGrad } from "../autograd/tape.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import { flatValues, viewValues, withValues } from "../nn/values.js";
import { affine } from "../ops/elementwise.js";
import { Tensor } from "../tensor/tensor.js";
import type { GradientRule } from "../training/step.js";

/**
 * The gradient at other parameters, moved(w, g), in place of g, that at w: two forward and backward
 * passes a step. Batch norm notes the statistics of the first one alone.
 *
 * @param moved from all parameters and their gradients, both flat as `flatValues` gives them
 */
export function perturbedGradient(
  model: Module,
  moved: (w: Tensor, g: Tensor) => Tensor,
): GradientRule {
  return ({ evaluate, backward }) => {
    const { device, gradients } = placementOf(model);
    backward(evaluate());
    using _ = device.scope();
    const w = flatValues(model);
    const set = (values: Tensor): void => device.run("copy", { src: values.slice, dst: w.slice });
    const before = noGrad(() => affine(w, 1));
    set(noGrad(() => moved(before, new Tensor(device, gradients, w.shape))));
    const statistics = flatValues(model, "statistics");
    const scratch = noGrad(() => affine(statistics, 1));
    backward(withValues(model, viewValues(model, scratch, "statistics"), evaluate));
    set(before);
  };
}

import { gradients, noGrad } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { add, affine, div, maximum, mul, sqrt, square, sub } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { empty, full, zeros } from "../tensor/create.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Module } from "./module.js";
import { flatValues, viewValues, withValues } from "./values.js";

export interface HessianVectorOptions {
  /**
   * The step of the difference, as a share of 1 + ||w||. Default 2e-3: smaller ones drown in the
   * rounding of f32 gradients, larger ones in the third derivative.
   */
  step?: number;
}

/**
 * H v: the Hessian of a loss with respect to all of a model's parameters, at their present values,
 * times a vector, by central differences of gradients,
 *
 *     H v = (g(w + e v) - g(w - e v)) / 2e + O(e^2),   e = step (1 + ||w||) / ||v||
 *
 * (Nocedal and Wright, Numerical Optimization, section 8.1). It costs two forward and backward passes.
 * `backward` itself is not differentiable: its gradients are computed by kernels that record nothing.
 * Nothing is changed: not the model's values, its gradients or its running statistics. It may be
 * recorded.
 *
 * @param loss evaluates the loss from the model's values; it is called twice and must draw the same
 *   random numbers both times
 * @param vector laid out as `flatValues(model)`: f32, padding included
 * @returns H v, laid out alike, padding zero
 */
export function hessianVector(
  model: Module,
  loss: () => Tensor,
  vector: Tensor,
  { step = 2e-3 }: HessianVectorOptions = {},
): Tensor {
  const w = flatValues(model);
  if (vector.size !== w.size || vector.dtype !== "f32") {
    throw new ShapeError(
      `hessianVector: the vector must be [${w.size}] f32, as flatValues(model) is, not ` +
        `${formatShape(vector.shape)} ${vector.dtype}`,
    );
  }
  if (!(step > 0 && Number.isFinite(step))) {
    throw new RangeError(`hessianVector: step must be above 0, not ${step}`);
  }
  const { device } = w;
  const out = empty(device, w.shape, "f32", "a Hessian times a vector");
  using _ = device.scope();
  const { e, moved } = noGrad(() => {
    const v = vector.detach();
    const tiny = full(device, [], 1e-30);
    const norm = (x: Tensor): Tensor => sqrt(sum(square(x)));
    const length = div(affine(norm(w), step, step), maximum(norm(v), tiny));
    const far = mul(v, length);
    return { e: length, moved: [add(w, far), sub(w, far)] };
  });
  const [up, down] = moved.map((at) => gradientAt(model, loss, at)) as [Tensor, Tensor];
  noGrad(() => {
    const product = div(sub(up, down), affine(e, 2));
    device.run("copy", { src: product.slice, dst: out.slice });
  });
  return out;
}

/** The gradient at other parameters, flat; what batch norm notes on the way goes to a copy. */
function gradientAt(model: Module, loss: () => Tensor, flat: Tensor): Tensor {
  const { device } = flat;
  const parameters = viewValues(model, flat);
  for (const value of parameters.values()) value.withGrad();
  const statistics = flatValues(model, "statistics");
  const values = new Map(parameters);
  if (statistics.size > 0) {
    for (const [name, value] of viewValues(model, affine(statistics, 1), "statistics")) {
      values.set(name, value);
    }
  }
  const wrt = [...parameters.values()];
  const found = withValues(model, values, () => gradients(loss(), wrt, { unreached: "zeros" }));
  const out = zeros(device, flat.shape);
  for (const [i, { slice }] of wrt.entries()) {
    const { offset, length } = slice;
    const dst = { ...out.slice, offset: out.slice.offset + offset - flat.slice.offset, length };
    device.run("copy", { src: (found[i] as Tensor).slice, dst });
  }
  return out;
}

import { noGrad } from "../autograd/recording.js";
import type { Module } from "../nn/module.js";
import { add, affine, clamp, div, minimum, mul, sqrt, square } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import type { Tensor } from "../tensor/tensor.js";

/**
 * Scales a model's gradients so that their norm, taken over all of them together, is at most
 * `maxNorm`: g := g min(1, maxNorm / (norm + 1e-6)), as PyTorch's clip_grad_norm_ (Pascanu et al.
 * 2013). Call it between `backward` and `step`, such as in the `gradients` of `fit`; it is made of
 * ops and may be recorded. NaN and infinity in a gradient make all of them NaN, none is hidden.
 *
 * @returns the norm as it was, a scalar that lives as long as the scope
 * @throws RangeError when maxNorm is not above 0, or no parameter has a gradient
 */
export function clipGradientNorm(model: Module, maxNorm: number): Tensor {
  check("clipGradientNorm", "maxNorm", maxNorm);
  const parameters = withGradients("clipGradientNorm", model);
  return noGrad(() => {
    const squares = parameters.map(({ grad }) => sum(square(grad)));
    const norm = sqrt(squares.reduce((total, one) => add(total, one)));
    const factor = minimum(div(maxNorm, affine(norm, 1, 1e-6)), 1);
    for (const { value, grad } of parameters) value.grad = mul(grad, factor);
    return norm;
  });
}

/**
 * Holds each element of a model's gradients within [-limit, limit]; NaN stays. Called as
 * `clipGradientNorm` is.
 *
 * @throws RangeError when the limit is not above 0, or no parameter has a gradient
 */
export function clipGradientValue(model: Module, limit: number): void {
  check("clipGradientValue", "limit", limit);
  const parameters = withGradients("clipGradientValue", model);
  noGrad(() => {
    for (const { value, grad } of parameters) value.grad = clamp(grad, -limit, limit);
  });
}

function check(op: string, name: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new RangeError(`${op}: ${name} must be a finite number above 0, not ${value}`);
}

function withGradients(op: string, model: Module): { value: Tensor; grad: Tensor }[] {
  const found = model.parameters().flatMap(([, { value }]) => {
    const { grad } = value;
    return grad ? [{ value, grad }] : [];
  });
  if (found.length > 0) return found;
  throw new RangeError(`${op}: none of the parameters has a gradient; call backward first`);
}

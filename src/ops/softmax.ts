import { noGrad, record } from "../autograd/tape.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { checkAxis, checkInputs } from "./arguments.js";
import { cast, inType } from "./cast.js";
import { abs, add, div, equal, exp, log, mul, sub, where } from "./elementwise.js";
import { reshape } from "./layout.js";
import { max, type ReduceOptions, sum } from "./reduce.js";

/**
 * e ** x over its sum along an axis (default the last), computed in f32; the result has x's element
 * type. Where all of x is -infinity it is NaN, as in PyTorch.
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  return normalised(
    "softmax",
    x,
    axis,
    (shifted, along) => {
      const grown = exp(shifted);
      return div(grown, sum(grown, along, { keepDims: true }));
    },
    (y, g, along) => mul(y, sub(g, sum(mul(y, g), along, { keepDims: true }))),
  );
}

/** The logarithm of softmax: x - ln(sum e ** x) along an axis (default the last). */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return normalised(
    "logSoftmax",
    x,
    axis,
    (shifted, along) => sub(shifted, log(sum(exp(shifted), along, { keepDims: true }))),
    (y, g, along) => sub(g, mul(exp(y), sum(g, along, { keepDims: true }))),
  );
}

/** @param gradient of x, from the result and its gradient, both f32 */
function normalised(
  op: string,
  x: Tensor,
  axis: number,
  forward: (shifted: Tensor, along: readonly number[]) => Tensor,
  gradient: (y: Tensor, g: Tensor, along: readonly number[]) => Tensor,
): Tensor {
  checkInputs(op, [x], "float");
  const along = [checkAxis(op, x, axis)];
  const type = x.dtype as FloatType;
  if (x.size === 0) return x;
  const y = noGrad(() => {
    const wide = inType(x, "f32");
    return forward(sub(wide, max(wide, along, { keepDims: true })), along);
  });
  const out = inType(y, type);
  return record(op, out, [x], [out], (g) => [
    inType(gradient(inType(out, "f32"), inType(g, "f32"), along), type),
  ]);
}

/** ln(sum e ** x) over axes (default all) without overflow, in f32; -infinity where all of x is. */
export function logSumExp(x: Tensor, axes?: readonly number[], options?: ReduceOptions): Tensor {
  checkInputs("logSumExp", [x], "float");
  const wide = cast(x, "f32");
  const top = noGrad(() => {
    const most = max(wide, axes, { keepDims: true });
    // What is infinite is not subtracted: inf - inf is NaN.
    return where(equal(abs(most), Number.POSITIVE_INFINITY), 0, most);
  });
  const total = log(sum(exp(sub(wide, top)), axes, options));
  return add(total, reshape(top, total.shape));
}

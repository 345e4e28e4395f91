import { record, tracked } from "../autograd/tape.js";
import type { Conv2dShape } from "../device/kernels/conv2d-call.js";
import { empty } from "../tensor/create.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { asSaved, gemmWeight } from "./precision.js";

/** What the convolution kernels do: one group, no dilation, equal padding on opposite sides. */
export function convolve(x: Tensor, w: Tensor, shape: Conv2dShape): Tensor {
  const { n, outH, outW, cOut } = shape;
  const out = empty(x.device, [n, outH, outW, cOut], x.dtype, "conv2d");
  const weight = gemmWeight(w, out.dtype as FloatType);
  forward(x, weight, out, shape);
  return record("conv2d", out, [x, w], savedBy(x, w, weight), (dy, sink, needs) => [
    needs(0) ? inputGradient(dy, weight, sink(0), shape) : undefined,
    needs(1) ? weightGradient(x, dy, sink(1), shape) : undefined,
  ]);
}

/** The convolution's input gradient as an op of its own: x is laid out as the convolution's result. */
export function convolveBack(x: Tensor, w: Tensor, shape: Conv2dShape): Tensor {
  const { n, h, w: width, cIn } = shape;
  const out = empty(x.device, [n, h, width, cIn], x.dtype, "conv2dTranspose");
  const weight = gemmWeight(w, out.dtype as FloatType);
  inputGradient(x, weight, out, shape);
  return record("conv2dTranspose", out, [x, w], savedBy(x, w, weight), (dy, sink, needs) => [
    needs(0) ? forward(dy, weight, sink(0), shape) : undefined,
    needs(1) ? weightGradient(dy, x, sink(1), shape) : undefined,
  ]);
}

/** What a convolution's gradients are computed from; `weight` is what the kernel got for w. */
export const savedBy = (x: Tensor, w: Tensor, weight: Tensor): Tensor[] => [
  ...(tracked(x) ? [asSaved(w, weight)] : []),
  ...(tracked(w) ? [x] : []),
];

function forward(x: Tensor, w: Tensor, out: Tensor, shape: Conv2dShape): Tensor {
  if (out.size > 0) {
    out.device.run("conv2d", { x: x.slice, w: w.slice, out: out.slice, shape });
  }
  return out;
}

function inputGradient(dy: Tensor, w: Tensor, dx: Tensor, shape: Conv2dShape): Tensor {
  if (dx.size > 0) {
    const slices = { dy: dy.slice, w: w.slice, dx: dx.slice };
    if (dy.size > 0) dx.device.run("conv2dInputGrad", { ...slices, shape });
    else dx.device.run("fill", { dst: dx.slice, value: 0 });
  }
  return dx;
}

function weightGradient(x: Tensor, dy: Tensor, dw: Tensor, shape: Conv2dShape): Tensor {
  if (dw.size > 0) {
    const slices = { x: x.slice, dy: dy.slice, dw: dw.slice };
    if (dy.size > 0) dw.device.run("conv2dWeightGrad", { ...slices, shape });
    else dw.device.run("fill", { dst: dw.slice, value: 0 });
  }
  return dw;
}

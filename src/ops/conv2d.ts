import { record, records, tracked } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import type { Conv2dShape } from "../device/kernels.js";
import { empty } from "../tensor/create.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { checkInputs, checkInteger, checkRank, type Pair, pair } from "./arguments.js";
import { asSaved, gemmWeight } from "./precision.js";

export interface Conv2dOptions {
  stride?: Pair;
  /** Zeros added on each side. */
  padding?: Pair;
}

/**
 * 2-D convolution (cross-correlation, as in every framework): x [n, h, w, cIn] with weights
 * [kh, kw, cIn, cOut] gives [n, outH, outW, cOut],
 * outH = floor((h + 2 padding - kh) / stride) + 1, outW likewise. The result has x's element type.
 */
export function conv2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  checkInputs("conv2d", [x, w], "float");
  const shape = conv2dShape(x, w, options);
  const { n, outH, outW, cOut } = shape;
  const out = empty(x.device, [n, outH, outW, cOut], x.dtype, "conv2d");
  const weight = gemmWeight(w, out.dtype as FloatType);
  if (out.size > 0) {
    x.device.run("conv2d", { x: x.slice, w: weight.slice, out: out.slice, shape });
  }
  const saved = [...(tracked(x) ? [asSaved(w, weight)] : []), ...(tracked(w) ? [x] : [])];
  return record("conv2d", out, [x, w], saved, (dy, sink, needs) => [
    needs(0) ? inputGradient(dy, weight, sink(0), shape) : undefined,
    needs(1) ? weightGradient(x, dy, sink(1), shape) : undefined,
  ]);
}

export interface Conv2dInferenceOptions extends Conv2dOptions {
  /** [n, outH, outW, cOut], added to the result. */
  residual?: Tensor;
  /** Apply max(., 0) at the end. */
  relu?: boolean;
}

/**
 * relu?(conv2d(x, w) + bias + residual?) in one kernel, bias [cOut]: what a convolution and the batch
 * norm behind it come to once the norm is folded into the weights (see FoldedNorms). It has no
 * gradient: call it within `noGrad`.
 */
export function conv2dInference(
  x: Tensor,
  w: Tensor,
  bias: Tensor,
  options: Conv2dInferenceOptions = {},
): Tensor {
  const { residual, relu = false } = options;
  const inputs = residual ? [x, w, bias, residual] : [x, w, bias];
  checkInputs("conv2dInference", inputs);
  if (records(inputs)) {
    throw new Error("conv2dInference has no gradient: call it within noGrad, or use conv2d");
  }
  const shape = conv2dShape(x, w, options);
  const out = empty(x.device, [shape.n, shape.outH, shape.outW, shape.cOut], "f32", "conv2d");
  for (const [name, given, wanted] of [
    ["the bias", bias, [shape.cOut]],
    ["the residual", residual ?? out, out.shape],
  ] as const) {
    if (sameShape(given.shape, wanted)) continue;
    throw new ShapeError(
      `conv2dInference: ${name} ${formatShape(given.shape)} must be ${formatShape(wanted)}`,
    );
  }
  if (out.size > 0) {
    const slices = { x: x.slice, w: w.slice, bias: bias.slice, out: out.slice };
    const extra = { residual: residual?.slice ?? null, relu };
    x.device.run("conv2dInference", { ...slices, ...extra, shape });
  }
  return out;
}

function conv2dShape(x: Tensor, weight: Tensor, options: Conv2dOptions): Conv2dShape {
  checkRank("conv2d", "x", x, 4, "[n, h, w, cIn]");
  checkRank("conv2d", "the weight", weight, 4, "[kh, kw, cIn, cOut]");
  const [n, h, w, cIn] = x.shape as [number, number, number, number];
  const [kh, kw, cInW, cOut] = weight.shape as [number, number, number, number];
  const [strideH, strideW] = pair(options.stride ?? 1);
  const [padH, padW] = pair(options.padding ?? 0);
  for (const s of [strideH, strideW]) checkInteger("conv2d", "stride", s, 1);
  for (const p of [padH, padW]) checkInteger("conv2d", "padding", p, 0);
  if (cIn !== cInW || cIn === 0) {
    throw new ShapeError(
      `conv2d: x ${formatShape(x.shape)} has ${cIn} channels, the weight ` +
        `${formatShape(weight.shape)} takes ${cInW}`,
    );
  }
  const outH = Math.floor((h + 2 * padH - kh) / strideH) + 1;
  const outW = Math.floor((w + 2 * padW - kw) / strideW) + 1;
  if (outH < 1 || outW < 1) {
    throw new ShapeError(
      `conv2d: a ${kh} x ${kw} kernel does not fit into ${h} x ${w} pixels padded by ` +
        `${padH} and ${padW}; use more padding or a smaller kernel`,
    );
  }
  return { n, h, w, cIn, cOut, kh, kw, strideH, strideW, padH, padW, outH, outW };
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

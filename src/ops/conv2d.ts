import { records } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import type { Conv2dShape } from "../device/kernels/conv2d-call.js";
import { checkOptions, type OptionTable, pickOptions } from "../device/options.js";
import { empty } from "../tensor/create.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { grouped } from "./conv2d-grouped.js";
import { convolve } from "./conv2d-kernel.js";
import { type Conv2dOptions, type Window, windowOf } from "./conv2d-window.js";
import { depthwise2d } from "./depthwise2d.js";
import { add, relu as rectified } from "./elementwise.js";
import { reshape } from "./layout.js";
import { pad } from "./pad.js";
import { repeat } from "./repeat.js";

export type { Conv2dOptions, Padding2d } from "./conv2d-window.js";

const conv2dOptions: OptionTable<Conv2dOptions> = {
  stride: "checked",
  padding: "checked",
  dilation: "checked",
  groups: "checked",
};

/**
 * 2-D convolution (cross-correlation, as in every framework): x [n, h, w, cIn] with weights
 * [kh, kw, cIn / groups, cOut] gives [n, outH, outW, cOut],
 * outH = floor((h + top + bottom - dilation (kh - 1) - 1) / stride) + 1, outW likewise. The result
 * has x's element type.
 */
export function conv2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  checkOptions("conv2d", options, conv2dOptions);
  checkInputs("conv2d", [x, w], "float");
  const window = windowOf("conv2d", x, w, options);
  const shape = kernelShape(window);
  if (shape) return convolve(x, w, shape);
  const { kh, kw, cIn, cOut, groups, dilationH, dilationW } = window;
  const [top, bottom, left, right] = window.pads;
  if (groups > 1 && groups === cIn) {
    const { n, h, w: width, strideH, strideW, outH, outW } = window;
    const wide = cOut === cIn ? x : repeat(x, cOut / cIn, 3);
    const sizes = { n, h, w: width, c: cOut, kh, kw, strideH, strideW, dilationH, dilationW };
    const filters = reshape(w, [kh, kw, cOut]);
    return depthwise2d(wide, filters, { ...sizes, padTop: top, padLeft: left, outH, outW });
  }
  if (groups > 1 || dilationH > 1 || dilationW > 1) {
    return grouped(pad(x, [0, [top, bottom], [left, right], 0]), w, window);
  }
  // What one side has more than the other is added beforehand.
  const [padH, padW] = [Math.min(top, bottom), Math.min(left, right)];
  const more = pad(x, [0, [top - padH, bottom - padH], [left - padW, right - padW], 0]);
  const [, h = 0, width = 0] = more.shape;
  return convolve(more, w, { ...sizesOf(window), h, w: width, padH, padW });
}

const sizesOf = (s: Window): Omit<Conv2dShape, "padH" | "padW"> => ({
  ...{ n: s.n, h: s.h, w: s.w, cIn: s.cIn, cOut: s.cOut, kh: s.kh, kw: s.kw },
  ...{ strideH: s.strideH, strideW: s.strideW, outH: s.outH, outW: s.outW },
});

/** What the kernels take, if they do. */
function kernelShape(window: Window): Conv2dShape | undefined {
  const [top, bottom, left, right] = window.pads;
  const { dilationH, dilationW, groups } = window;
  if (dilationH * dilationW * groups > 1 || top !== bottom || left !== right) return undefined;
  return { ...sizesOf(window), padH: top, padW: left };
}

export interface Conv2dInferenceOptions extends Conv2dOptions {
  /** [n, outH, outW, cOut], added to the result. */
  residual?: Tensor;
  /** Apply max(., 0) at the end. */
  relu?: boolean;
}

const inferenceOptions: OptionTable<Conv2dInferenceOptions> = {
  ...conv2dOptions,
  residual: "checked",
  relu: "boolean",
};

/**
 * relu?(conv2d(x, w) + bias + residual?), bias [cOut]: what a convolution and the batch norm behind
 * it come to once the norm is folded into the weights (see FoldedNorms). It is one kernel unless the
 * convolution has dilation, groups or unequal padding. It has no gradient: call it within `noGrad`.
 */
export function conv2dInference(
  x: Tensor,
  w: Tensor,
  bias: Tensor,
  options: Conv2dInferenceOptions = {},
): Tensor {
  checkOptions("conv2dInference", options, inferenceOptions);
  const { residual, relu = false } = options;
  const inputs = residual ? [x, w, bias, residual] : [x, w, bias];
  checkInputs("conv2dInference", inputs);
  if (records(inputs)) {
    throw new Error("conv2dInference has no gradient: call it within noGrad, or use conv2d");
  }
  const window = windowOf("conv2dInference", x, w, options);
  const outShape = [window.n, window.outH, window.outW, window.cOut];
  for (const [name, given, wanted] of [
    ["the bias", bias, [window.cOut]],
    ["the residual", residual, outShape],
  ] as const) {
    if (!given || sameShape(given.shape, wanted)) continue;
    throw new ShapeError(
      `conv2dInference: ${name} ${formatShape(given.shape)} must be ${formatShape(wanted)}`,
    );
  }
  const shape = kernelShape(window);
  if (!shape) {
    const sum = add(conv2d(x, w, pickOptions<Conv2dOptions>(options, conv2dOptions)), bias);
    const total = residual ? add(sum, residual) : sum;
    return relu ? rectified(total) : total;
  }
  const out = empty(x.device, outShape, "f32", "conv2d");
  if (out.size > 0) {
    const slices = { x: x.slice, w: w.slice, bias: bias.slice, out: out.slice };
    const extra = { residual: residual?.slice ?? null, relu };
    x.device.run("conv2dInference", { ...slices, ...extra, shape });
  }
  return out;
}

import { record } from "../autograd/tape.js";
import type { DepthwiseShape } from "../device/kernels/depthwise.js";
import { empty } from "../tensor/create.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { inType } from "./cast.js";
import { savedBy } from "./conv2d-kernel.js";
import { apart } from "./move.js";
import { gemmWeight } from "./precision.js";
import { flip } from "./slice.js";

/** Convolution of each channel of x [n, h, w, c] with a filter of its own, w [kh, kw, c]. */
export function depthwise2d(x: Tensor, w: Tensor, shape: DepthwiseShape): Tensor {
  const type = x.dtype as FloatType;
  const weight = gemmWeight(w, type);
  const out = launch(x, weight, empty(x.device, sizes(shape), type, "conv2d"), shape);
  return record("conv2d", out, [x, w], savedBy(x, w, weight), (dy, sink, needs) => [
    needs(0) ? inputGradient(dy, weight, sink(0), shape) : undefined,
    needs(1) ? weightGradient(x, dy, w, shape) : undefined,
  ]);
}

const sizes = (s: DepthwiseShape): number[] => [s.n, s.outH, s.outW, s.c];

function launch(x: Tensor, w: Tensor, out: Tensor, shape: DepthwiseShape): Tensor {
  if (out.size === 0) return out;
  if (x.size === 0) x.device.run("fill", { dst: out.slice, value: 0 });
  else x.device.run("depthwise2d", { x: x.slice, w: w.slice, out: out.slice, shape });
  return out;
}

/**
 * The same convolution of dy, stride - 1 zeros between its rows and columns, with the filters turned
 * by half a turn.
 */
function inputGradient(dy: Tensor, w: Tensor, dx: Tensor, s: DepthwiseShape): Tensor {
  const wide = apart(dy, s.strideH, s.strideW);
  const [, h = 0, width = 0] = wide.shape;
  return launch(wide, flip(w, [0, 1]), dx, {
    ...{ n: s.n, c: s.c, kh: s.kh, kw: s.kw, dilationH: s.dilationH, dilationW: s.dilationW },
    ...{ h, w: width, strideH: 1, strideW: 1, outH: s.h, outW: s.w },
    padTop: s.dilationH * (s.kh - 1) - s.padTop,
    padLeft: s.dilationW * (s.kw - 1) - s.padLeft,
  });
}

function weightGradient(x: Tensor, dy: Tensor, w: Tensor, shape: DepthwiseShape): Tensor {
  const dw = empty(w.device, w.shape, "f32", "gradient of the filters");
  if (dy.size > 0) {
    const slices = { x: x.slice, dy: dy.slice, dw: dw.slice };
    w.device.run("depthwise2dWeightGrad", { ...slices, shape });
  } else if (dw.size > 0) w.device.run("fill", { dst: dw.slice, value: 0 });
  return inType(dw, w.dtype as FloatType);
}

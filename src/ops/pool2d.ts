import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import type { Pool2dShape } from "../device/kernels/pool2d.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { empty, ones } from "../tensor/create.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs, checkInteger, checkRank, type Pair, pair } from "./arguments.js";
import { div } from "./elementwise.js";
import { mean } from "./reduce.js";

export interface Pool2dOptions {
  /** Default: the window's size, so that windows do not overlap. */
  stride?: Pair;
  /** At most half the window. */
  padding?: Pair;
}

/** Largest value of each window of x [n, h, w, c]; padding never wins. */
export const maxPool2d = (x: Tensor, window: Pair, options?: Pool2dOptions): Tensor =>
  pool2d("max", x, window, options);

export interface AvgPool2dOptions extends Pool2dOptions {
  /** Padding counts as zeros (true), or only what lies within x is averaged. Default true. */
  countIncludePad?: boolean;
}

const poolOptions: OptionTable<Pool2dOptions> = { stride: "checked", padding: "checked" };
const avgPoolOptions: OptionTable<AvgPool2dOptions> = {
  ...poolOptions,
  countIncludePad: "boolean",
};

/** Mean of each window of x [n, h, w, c]. */
export function avgPool2d(x: Tensor, window: Pair, options: AvgPool2dOptions = {}): Tensor {
  checkOptions("avgPool2d", options, avgPoolOptions);
  const { countIncludePad = true, ...rest } = options;
  const means = pool2d("avg", x, window, rest);
  if (countIncludePad) return means;
  const [, h = 0, w = 0] = x.shape;
  const inside = pool2d("avg", ones(x.device, [1, h, w, 1]), window, rest);
  return div(means, inside);
}

/** Mean over all positions: [n, h, w, c] -> [n, c], always f32. */
export function globalAvgPool(x: Tensor): Tensor {
  checkRank("globalAvgPool", "x", x, 4, "[n, h, w, c]");
  return mean(x, [1, 2]);
}

function pool2d(op: "max" | "avg", x: Tensor, window: Pair, options: Pool2dOptions = {}): Tensor {
  const name = `${op}Pool2d`;
  checkOptions(name, options, poolOptions);
  checkInputs(name, [x], "float");
  const shape = shapeRule(name, x, window, options);
  const device = x.device;
  const out = empty(device, [shape.n, shape.outH, shape.outW, shape.c], x.dtype, name);
  if (out.size > 0) device.run("pool2d", { op, x: x.slice, out: out.slice, shape });
  return record(name, out, [x], [x], (dy, sink) => {
    const dx = sink(0);
    if (dx.size > 0) {
      device.run("pool2dBackward", { op, x: x.slice, dy: dy.slice, dx: dx.slice, shape });
    }
    return [dx];
  });
}

function shapeRule(op: string, x: Tensor, window: Pair, options: Pool2dOptions): Pool2dShape {
  checkRank(op, "x", x, 4, "[n, h, w, c]");
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const [kh, kw] = pair(op, "window", window);
  const [strideH, strideW] = pair(op, "stride", options.stride ?? window);
  const [padH, padW] = pair(op, "padding", options.padding ?? 0);
  for (const k of [kh, kw]) checkInteger(op, "window", k, 1);
  for (const s of [strideH, strideW]) checkInteger(op, "stride", s, 1);
  for (const p of [padH, padW]) checkInteger(op, "padding", p, 0);
  if (padH * 2 > kh || padW * 2 > kw) {
    throw new ShapeError(
      `${op}: padding ${padH}, ${padW} is more than half the window ${kh} x ${kw}`,
    );
  }
  const outH = Math.floor((h + 2 * padH - kh) / strideH) + 1;
  const outW = Math.floor((w + 2 * padW - kw) / strideW) + 1;
  if (outH < 1 || outW < 1) {
    throw new ShapeError(`${op}: a ${kh} x ${kw} window does not fit into ${formatShape(x.shape)}`);
  }
  return { n, h, w, c, kh, kw, strideH, strideW, padH, padW, outH, outW };
}

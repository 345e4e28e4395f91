import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { empty } from "../tensor/create.js";
import {
  broadcastStrides,
  formatShape,
  normaliseAxes,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
} from "../tensor/shape.js";
import type { DType, Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { broadcastTo, permute, reshape } from "./layout.js";

type Op = "sum" | "mean" | "max" | "argmax";

export interface ReduceOptions {
  /** Keep the reduced dimensions with size 1. Default false. */
  keepDims?: boolean;
}

/** Sum over `axes` (default all). Sums, means and maxima of f16 are f32. */
export const sum = (x: Tensor, axes?: readonly number[], options?: ReduceOptions): Tensor =>
  reduce("sum", x, axes, options);

/** Mean over `axes` (default all). An empty mean is an error. */
export const mean = (x: Tensor, axes?: readonly number[], options?: ReduceOptions): Tensor =>
  reduce("mean", x, axes, options);

/** Largest value over `axes` (default all); elements that tie for it share the gradient. */
export const max = (x: Tensor, axes?: readonly number[], options?: ReduceOptions): Tensor =>
  reduce("max", x, axes, options);

/** Index (u32) of the largest value along `axes`, flattened in row-major order; the lowest wins. */
export const argmax = (x: Tensor, axes?: readonly number[], options?: ReduceOptions): Tensor =>
  reduce("argmax", x, axes, options);

function reduce(op: Op, x: Tensor, axes?: readonly number[], options: ReduceOptions = {}): Tensor {
  checkInputs(op, [x], "float");
  const rank = x.shape.length;
  const over = normaliseAxes(op, axes ?? x.shape.map((_, i) => i), rank);
  const kept = x.shape.map((d, i) => (over.includes(i) ? 1 : d));
  const shape = options.keepDims ? kept : x.shape.filter((_, i) => !over.includes(i));
  if (over.length === 0 && op !== "argmax") return reshape(x, shape);
  const reduced = sizeOf(over.map((i) => x.shape[i] ?? 1));
  if (reduced === 0 && op !== "sum") {
    throw new ShapeError(`${op}: nothing to reduce in ${formatShape(x.shape)} over axes [${over}]`);
  }
  const out = empty(x.device, shape, op === "argmax" ? "u32" : "f32", op);
  if (out.size > 0 && reduced === 0) x.device.run("fill", { dst: out.slice, value: 0 });
  else if (out.size > 0) launch(op, x, over, reduced, out);
  if (op === "argmax") return out;
  return record(op, out, [x], op === "max" ? [x, out] : [], (g) => {
    const wide = reshape(g, kept);
    if (op === "sum") return [broadcastTo(wide, x.shape, 1, x.dtype)];
    if (op === "mean") return [broadcastTo(wide, x.shape, 1 / reduced, x.dtype)];
    return [maskedShare(x, reshape(out, kept), wide, over)];
  });
}

/** The kernel sees [outer, reduced, inner]; axes that are not neighbours are brought together. */
function launch(op: Op, x: Tensor, over: readonly number[], reduced: number, out: Tensor): void {
  const first = over[0] ?? 0;
  const adjacent = over.every((axis, i) => axis === first + i);
  const keep = x.shape.map((_, i) => i).filter((i) => !over.includes(i));
  const source = adjacent ? x : permute(x.detach(), [...keep, ...over]);
  const outer = sizeOf(adjacent ? x.shape.slice(0, first) : keep.map((i) => x.shape[i] ?? 1));
  const inner = adjacent ? sizeOf(x.shape.slice(first + over.length)) : 1;
  x.device.run("reduce", { op, x: source.slice, out: out.slice, outer, reduced, inner });
}

/** Sums a tensor down to a shape it was broadcast from: the gradient of broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((d, i) =>
    i < lead || (shape[i - lead] === 1 && d !== 1) ? [i] : [],
  );
  return reshape(sum(x, axes), shape);
}

/** The gradient of max: g shared equally among the elements of x that equal their maximum. */
function maskedShare(x: Tensor, top: Tensor, g: Tensor, over: readonly number[]): Tensor {
  const mask = combine("equal", x, top, x.shape);
  const ties = sum(mask, over, { keepDims: true });
  return combine("mul", mask, combine("div", g, ties, g.shape), x.shape, x.dtype);
}

/** A binary kernel outside the gradient graph; b is broadcast to the shape. */
function combine(
  kernel: "equal" | "mul" | "div",
  a: Tensor,
  b: Tensor,
  shape: Shape,
  dtype: DType = "f32",
): Tensor {
  const out = empty(a.device, shape, dtype, `gradient of max (${kernel})`);
  a.device.run("elementwise", {
    kernel,
    inputs: [
      { slice: a.slice, strides: stridesOf(shape) },
      { slice: b.slice, strides: broadcastStrides(b.shape, shape) },
    ],
    out: out.slice,
    shape,
    scalars: [0, 0],
  });
  return out;
}

import { noGrad, record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { empty } from "../tensor/create.js";
import { formatShape, sizeOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkAxis, checkInputs } from "./arguments.js";
import { cast } from "./cast.js";
import { permute, reshape } from "./layout.js";
import { slice } from "./slice.js";

export interface SortOptions {
  /** Largest first. Default false. */
  descending?: boolean;
}

const sortOptions: OptionTable<SortOptions> = { descending: "boolean" };

export interface TopkOptions {
  /** The largest, or else the smallest. Default true. */
  largest?: boolean;
}

const topkOptions: OptionTable<TopkOptions> = { largest: "boolean" };

/** Values in order, and which element (u32) each was along the axis; both of one shape. */
export interface Sorted {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/**
 * x in ascending order along an axis (default the last). Ties keep their order; NaN is the largest.
 * Gradients go back to where values came from.
 */
export function sort(x: Tensor, axis = -1, options: SortOptions = {}): Sorted {
  checkOptions("sort", options, sortOptions);
  return inOrder("sort", x, axis, options.descending ?? false);
}

/** Which element (u32) is the i-th in order along an axis; see sort. */
export const argsort = (x: Tensor, axis = -1, options: SortOptions = {}): Tensor =>
  noGrad(() => sort(x, axis, options)).indices;

/** The k largest along an axis (default the last), largest first, or the k smallest; see sort. */
export function topk(x: Tensor, k: number, axis = -1, options: TopkOptions = {}): Sorted {
  checkOptions("topk", options, topkOptions);
  const size = x.shape[checkAxis("topk", x, axis)] ?? 0;
  if (!Number.isInteger(k) || k < 0 || k > size) {
    throw new ShapeError(
      `topk: k = ${k} must be an integer in 0 .. ${size} for ${formatShape(x.shape)}`,
    );
  }
  return inOrder("topk", x, axis, options.largest ?? true, k);
}

function inOrder(op: string, x: Tensor, axis: number, descending: boolean, k?: number): Sorted {
  checkInputs(op, [x], "float");
  const along = checkAxis(op, x, axis);
  const last = x.shape.length - 1;
  // The kernel sorts rows; exchanging two dimensions again brings them back.
  const exchanged = x.shape.map((_, d) => (d === along ? last : d === last ? along : d));
  const turned = along === last ? x : permute(x, exchanged);
  const length = turned.shape[last] ?? 0;
  const rows = reshape(cast(turned, "f32"), [sizeOf(turned.shape.slice(0, -1)), length]);
  const order = {
    index: empty(x.device, rows.shape, "u32", op),
    rank: empty(x.device, rows.shape, "u32", op),
  };
  if (rows.size > 0) {
    x.device.run("sort", {
      ...{ x: rows.slice, index: order.index.slice, rank: order.rank.slice },
      ...{ rows: rows.shape[0] ?? 0, length, descending },
    });
  }
  const index = k === undefined ? order.index : slice(order.index, [null, [0, k]]);
  const values = picked(op, rows, index, order.rank);
  const back = (y: Tensor): Tensor => {
    const wide = reshape(y, [...turned.shape.slice(0, -1), index.shape[1] ?? 0]);
    return along === last ? wide : permute(wide, exchanged);
  };
  return { values: cast(back(values), x.dtype), indices: back(index) };
}

/** x[r, index[r, i]]; `rank` says where in the result an element of x is, if it is. */
function picked(op: string, x: Tensor, index: Tensor, rank: Tensor): Tensor {
  const out = take(x, index, empty(x.device, index.shape, "f32", op));
  return record(op, out, [x], [rank], (g, sink) => [take(g, rank, sink(0))]);
}

function take(x: Tensor, index: Tensor, out: Tensor): Tensor {
  const [rows = 0, length = 0] = x.shape;
  if (out.size > 0 && length === 0) out.device.run("fill", { dst: out.slice, value: 0 });
  else if (out.size > 0) {
    const slices = { x: x.slice, index: index.slice, out: out.slice };
    out.device.run("gatherAlong", { ...slices, rows, length, picked: index.shape[1] ?? 0 });
  }
  return out;
}

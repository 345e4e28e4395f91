import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { formatShape, stridesOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkAxis, checkInputs, checkInteger } from "./arguments.js";
import { assemble, type Piece, whole } from "./move.js";

export interface WindowsOptions {
  /** From one window to the next, along each axis. Default 1. */
  stride?: number | readonly number[];
  /** From one element of a window to the next. Default 1. */
  dilation?: number | readonly number[];
}

const windowsOptions: OptionTable<WindowsOptions> = { stride: "checked", dilation: "checked" };

/**
 * All windows of x along some axes (sliding windows, "unfold"). An axis of size d becomes
 * floor((d - dilation (size - 1) - 1) / stride) + 1 windows; the windows' own dimensions follow the
 * last of the axes, in the axes' order: windows(x [n, h, w, c], [1, 2], [kh, kw]) is
 * [n, outH, outW, kh, kw, c]. The gradient adds up where windows overlap.
 */
export function windows(
  x: Tensor,
  axes: readonly number[],
  sizes: readonly number[],
  options: WindowsOptions = {},
): Tensor {
  checkOptions("windows", options, windowsOptions);
  checkInputs("windows", [x], x.dtype);
  const along = axes.map((axis) => checkAxis("windows", x, axis));
  const each = (name: string, given: number | readonly number[]): readonly number[] => {
    const list = typeof given === "number" ? along.map(() => given) : given;
    for (const value of list) checkInteger("windows", name, value, 1);
    if (list.length === along.length) return list;
    throw new ShapeError(`windows: ${along.length} axes need as many values of ${name}`);
  };
  if (along.length === 0 || new Set(along).size !== along.length) {
    throw new ShapeError(`windows: axes [${axes}] must name at least one dimension, each once`);
  }
  const window = each("sizes", sizes);
  const stride = each("stride", options.stride ?? 1);
  const dilation = each("dilation", options.dilation ?? 1);
  const counts = along.map((axis, i) => {
    const [size, w, s, d] = [x.shape[axis], window[i], stride[i], dilation[i]] as const;
    const count = Math.floor(((size ?? 0) - (d ?? 1) * ((w ?? 1) - 1) - 1) / (s ?? 1)) + 1;
    if (count > 0) return count;
    throw new ShapeError(
      `windows: ${w} elements${d === 1 ? "" : `, ${d} apart,`} do not fit into axis ${axis} of ` +
        `${formatShape(x.shape)}; pad it or take a smaller window`,
    );
  });
  const own = stridesOf(x.shape);
  const behind = Math.max(...along) + 1;
  const place = (d: number): number => along.indexOf(d);
  const outer = x.shape.map((size, d) => counts[place(d)] ?? size);
  const steps = own.map((s, d) => s * (stride[place(d)] ?? 1));
  const inside = along.map((axis, i) => (own[axis] ?? 1) * (dilation[i] ?? 1));
  const insert = (list: readonly number[], between: readonly number[]): number[] => [
    ...list.slice(0, behind),
    ...between,
    ...list.slice(behind),
  ];
  const shape = insert(outer, window);
  const piece: Piece = {
    shape,
    from: { offset: 0, strides: insert(steps, inside) },
    to: whole(shape),
    again: along.map((_, i) => behind + i),
  };
  return assemble("windows", x, shape, [piece]);
}

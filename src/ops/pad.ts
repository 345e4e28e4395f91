import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable, shown } from "../device/options.js";
import { formatShape, type Shape, sizeOf, stridesOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { assemble, type Piece, whole } from "./move.js";

export interface PadOptions {
  /**
   * What comes there: a `value`, the values mirrored at the edge (which is not repeated), or those at
   * the edge. Default "constant".
   */
  mode?: "constant" | "reflect" | "edge";
  /** Default 0. */
  value?: number;
}

const padOptions: OptionTable<PadOptions> = {
  mode: ["constant", "reflect", "edge"],
  value: "number",
};

/** Elements added on both sides of a dimension: one number for both, or [before, after]. */
export type Padding = number | readonly [before: number, after: number];

/** x with elements added around it: one padding for each dimension. */
export function pad(x: Tensor, paddings: readonly Padding[], options: PadOptions = {}): Tensor {
  checkOptions("pad", options, padOptions);
  checkInputs("pad", [x], x.dtype);
  const { mode = "constant", value = 0 } = options;
  const sides = sidesOf(x, paddings);
  if (sides.every(([before, after]) => before + after === 0)) return x;
  if (mode === "constant") return padConstant(x, sides, value);
  return sides.reduce<Tensor>(
    (y, [before, after], axis) => (before + after > 0 ? padFrom(y, mode, axis, before, after) : y),
    x,
  );
}

type Sides = readonly [before: number, after: number];

function sidesOf(x: Tensor, paddings: readonly Padding[]): Sides[] {
  const count = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0;
  const sides = Array.isArray(paddings)
    ? paddings.map((p): Sides => (typeof p === "number" ? [p, p] : p))
    : [];
  const fits = sides.every((s) => Array.isArray(s) && s.length === 2 && s.every(count));
  if (sides.length !== x.shape.length || !fits) {
    throw new ShapeError(
      `pad: ${shown(paddings)} must have a count or [before, after] for each dimension of ` +
        formatShape(x.shape),
    );
  }
  return sides;
}

function padConstant(x: Tensor, sides: readonly Sides[], value: number): Tensor {
  if (x.dtype === "u32" && value !== 0) {
    throw new ShapeError(`pad: u32 tensors are padded with zeros only, not with ${value}`);
  }
  const shape = x.shape.map((d, i) => d + (sides[i]?.[0] ?? 0) + (sides[i]?.[1] ?? 0));
  const strides = stridesOf(shape);
  const offset = sides.reduce((sum, [before], d) => sum + before * (strides[d] ?? 0), 0);
  const middle = { shape: x.shape, from: whole(x.shape), to: { offset, strides } };
  return assemble("pad", x, shape, [middle], { rest: value });
}

/** Along one axis, from x's own elements. */
function padFrom(
  x: Tensor,
  mode: "reflect" | "edge",
  axis: number,
  before: number,
  after: number,
): Tensor {
  const size = x.shape[axis] ?? 0;
  const most = mode === "reflect" ? size - 1 : size > 0 ? Number.POSITIVE_INFINITY : 0;
  if (before > most || after > most) {
    throw new ShapeError(
      `pad: ${mode} by [${before}, ${after}] along axis ${axis} of ${formatShape(x.shape)} needs ` +
        (mode === "reflect" ? "a padding smaller than the size" : "at least one element"),
    );
  }
  const along = (length: number): Shape => x.shape.map((d, i) => (i === axis ? length : d));
  const shape = along(size + before + after);
  const [own, target] = [stridesOf(x.shape), stridesOf(shape)];
  const stride = own[axis] ?? 1;
  const piece = (length: number, from: number, step: number, to: number): Piece => ({
    shape: along(length),
    from: { offset: from * stride, strides: own.map((s, i) => (i === axis ? step * s : s)) },
    to: { offset: to * (target[axis] ?? 1), strides: target },
    ...(step === 0 ? { again: [axis] } : {}),
  });
  const [step, first, last] = mode === "reflect" ? [-1, before, size - 2] : [0, 0, size - 1];
  const pieces = [
    piece(size, 0, 1, before),
    piece(before, first, step, 0),
    piece(after, last, step, before + size),
  ];
  return assemble(
    "pad",
    x,
    shape,
    pieces.filter((p) => sizeOf(p.shape) > 0),
    { distinct: false },
  );
}

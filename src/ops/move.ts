import { record } from "../autograd/tape.js";
import type { Steps } from "../device/kernels/moving-call.js";
import { convert } from "../tensor/convert.js";
import { empty } from "../tensor/create.js";
import { type Shape, sizeOf, stridesOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** A block of x copied to a block of the result, both seen as `shape`. */
export interface Piece {
  readonly shape: Shape;
  readonly from: Steps;
  readonly to: Steps;
  /**
   * Dimensions along which an element of x may be taken again, such as those of overlapping windows:
   * the gradient adds what comes back along them one by one, in their order.
   */
  readonly again?: readonly number[];
}

/** A dense array read or written as it lies. */
export const whole = (shape: Shape): Steps => ({ offset: 0, strides: stridesOf(shape) });

/**
 * A tensor put together from pieces of x, and of `rest` where there is none. Gradients go back to
 * where each element came from. Pieces are `distinct` if no element of x is in two of them.
 */
export function assemble(
  op: string,
  x: Tensor,
  shape: Shape,
  pieces: readonly Piece[],
  { distinct = true, rest = 0 } = {},
): Tensor {
  const out = empty(x.device, shape, x.dtype, op);
  const given = pieces.reduce((sum, piece) => sum + sizeOf(piece.shape), 0);
  if (given < out.size) x.device.run("fill", { dst: out.slice, value: rest });
  for (const { shape, from, to } of pieces) move(x, out, shape, from, to);
  return record(op, out, [x], [], (g, sink) => {
    const dx = sink(0);
    giveBack(g, dx, pieces, distinct);
    return [dx];
  });
}

/** Images [n, h, w, c] with zeros between their rows and columns: element (y, x) is (y sh, x sw)'s. */
export function apart(x: Tensor, strideH: number, strideW: number): Tensor {
  if (strideH === 1 && strideW === 1) return x;
  const [n = 0, h = 0, w = 0, c = 0] = x.shape;
  const shape = [n, Math.max(0, (h - 1) * strideH + 1), Math.max(0, (w - 1) * strideW + 1), c];
  const [image = 0, row = 0, column = 0] = stridesOf(shape);
  const strides = [image, row * strideH, column * strideW, 1];
  const pieces = [{ shape: x.shape, from: whole(x.shape), to: { offset: 0, strides } }];
  return assemble("conv2d", x, shape, pieces);
}

/** dx := the sum of what `pieces` took of each element of x. */
function giveBack(g: Tensor, dx: Tensor, pieces: readonly Piece[], distinct: boolean): void {
  if (dx.size === 0) return;
  const taken = pieces.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (distinct && pieces.every(({ again }) => !again)) {
    if (taken < dx.size) dx.device.run("fill", { dst: dx.slice, value: 0 });
    for (const { shape, from, to } of pieces) move(g, dx, shape, to, from);
    return;
  }
  // Sums are made in f32.
  const half = dx.dtype === "f16";
  const total = half ? empty(dx.device, dx.shape, "f32", "sum of gradients") : dx;
  const parts = half ? empty(dx.device, g.shape, "f32", "gradient") : g;
  if (half) convert(dx.device, g.slice, parts.slice);
  total.device.run("fill", { dst: total.slice, value: 0 });
  for (const { shape, from, to, again = [] } of pieces) {
    const once = shape.map((size, d) => (again.includes(d) ? 1 : size));
    for (const index of indices(again.map((d) => shape[d] ?? 1))) {
      const shifted = ({ offset, strides }: Steps): Steps => ({
        offset: again.reduce((sum, d, i) => sum + (index[i] ?? 0) * (strides[d] ?? 0), offset),
        strides,
      });
      move(parts, total, once, shifted(to), shifted(from), true);
    }
  }
  if (half) convert(dx.device, total.slice, dx.slice);
}

/** out[to + i . strides] := (or +=) x[from + i . strides] for each index i of the shape. */
export function move(
  x: Tensor,
  out: Tensor,
  shape: Shape,
  from: Steps,
  to: Steps,
  add = false,
): void {
  if (sizeOf(shape) === 0) return;
  checkReach(x, shape, from);
  checkReach(out, shape, to);
  x.device.run("move", { x: x.slice, out: out.slice, shape, from, to, add });
}

/** No wrong arithmetic above may read or write outside of a tensor. */
function checkReach(x: Tensor, shape: Shape, { offset, strides }: Steps): void {
  let [low, high] = [offset, offset];
  shape.forEach((size, d) => {
    const reach = (size - 1) * (strides[d] ?? 0);
    if (reach < 0) low += reach;
    else high += reach;
  });
  if (low < 0 || high >= x.size) {
    throw new RangeError(`move: elements ${low} to ${high} of a tensor that has ${x.size}`);
  }
}

/** Every index of a shape, in row-major order. */
function indices(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (heads, size) => heads.flatMap((head) => Array.from({ length: size }, (_, i) => [...head, i])),
    [[]],
  );
}

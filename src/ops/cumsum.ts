import { record } from "../autograd/tape.js";
import { empty } from "../tensor/create.js";
import { type Shape, sizeOf, stridesOf } from "../tensor/shape.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { checkAxis, checkInputs } from "./arguments.js";
import { inType } from "./cast.js";
import { move } from "./move.js";

/**
 * Sums of the first 1, 2, ... elements along an axis, in f32: in log2(n) rounds each element adds the
 * one 1, 2, 4, ... before it, so the error grows with log2(n).
 */
export function cumsum(x: Tensor, axis: number): Tensor {
  checkInputs("cumsum", [x], "float");
  const along = checkAxis("cumsum", x, axis);
  const out = running(inType(x, "f32"), along, false);
  return record("cumsum", out, [x], [], (g) => [
    inType(running(g, along, true), x.dtype as FloatType),
  ]);
}

/** @param back whether sums run from the end */
function running(x: Tensor, axis: number, back: boolean): Tensor {
  const size = x.shape[axis] ?? 1;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const shape: Shape = [sizeOf(x.shape.slice(0, axis)), size, inner];
  const strides = stridesOf(shape);
  let sums = x;
  for (let step = 1; step < size; step *= 2) {
    const next = empty(x.device, x.shape, "f32", "cumsum");
    if (next.size > 0) x.device.run("copy", { src: sums.slice, dst: next.slice });
    const [first, second] = [
      { offset: 0, strides },
      { offset: step * inner, strides },
    ];
    const part = [shape[0] ?? 1, size - step, inner];
    move(sums, next, part, back ? second : first, back ? first : second, true);
    sums = next;
  }
  return sums;
}

import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { shown } from "../device/options.js";
import { empty } from "../tensor/create.js";
import {
  broadcastShapes,
  broadcastStrides,
  formatShape,
  type Shape,
  sameShape,
  stridesOf,
} from "../tensor/shape.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { checkAxis, checkInputs, checkInteger } from "./arguments.js";
import { inType } from "./cast.js";
import { reshape } from "./layout.js";
import { move, whole } from "./move.js";
import { sum, sumTo } from "./reduce.js";

/** x repeated along dimensions that it lacks or that have size 1, to the shape given. */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkInputs("expand", [x], x.dtype);
  if (!sameShape(broadcastShapes("expand", [x.shape, shape]), shape)) {
    throw new ShapeError(
      `expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`,
    );
  }
  if (sameShape(x.shape, shape)) return x;
  const out = empty(x.device, shape, x.dtype, "expand");
  const from = { offset: 0, strides: broadcastStrides(x.shape, shape) };
  move(x, out, shape, from, whole(shape));
  return record("expand", out, [x], [], (g) => [inType(sumTo(g, x.shape), x.dtype as FloatType)]);
}

/** Each element of x `count` times along an axis: [a, b] becomes [a, a, b, b]. */
export function repeat(x: Tensor, count: number, axis: number): Tensor {
  checkInteger("repeat", "count", count, 1);
  const along = checkAxis("repeat", x, axis);
  const outer = x.shape.slice(0, along + 1);
  const inner = x.shape.slice(along + 1);
  const shape = [...outer.slice(0, -1), (outer.at(-1) ?? 1) * count, ...inner];
  return times("repeat", x, [...outer, 1, ...inner], [...outer, count, ...inner], shape);
}

/** x side by side with itself: `counts` times along each dimension. [a, b] becomes [a, b, a, b]. */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  if (!Array.isArray(counts) || counts.length !== x.shape.length) {
    throw new ShapeError(
      `tile: ${shown(counts)} must have a count for each dimension of ${formatShape(x.shape)}`,
    );
  }
  for (const count of counts) checkInteger("tile", "count", count, 1);
  const shape = x.shape.map((d, i) => d * (counts[i] ?? 1));
  const thin = x.shape.flatMap((d) => [1, d]);
  const wide = x.shape.flatMap((d, i) => [counts[i] ?? 1, d]);
  return times("tile", x, thin, wide, shape);
}

/** x, seen as `thin`, repeated where `wide` is larger, seen as `shape`. */
function times(op: string, x: Tensor, thin: Shape, wide: Shape, shape: Shape): Tensor {
  checkInputs(op, [x], x.dtype);
  const out = empty(x.device, shape, x.dtype, op);
  const own = stridesOf(thin);
  const strides = own.map((stride, d) => (thin[d] === wide[d] ? stride : 0));
  move(x, out, wide, { offset: 0, strides }, whole(wide));
  const over = wide.flatMap((d, i) => (d === thin[i] ? [] : [i]));
  return record(op, out, [x], [], (g) => {
    const total = over.length > 0 ? sum(reshape(g, wide), over) : g;
    return [inType(reshape(total, x.shape), x.dtype as FloatType)];
  });
}

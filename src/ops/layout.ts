import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { empty } from "../tensor/create.js";
import {
  broadcastShapes,
  broadcastStrides,
  formatShape,
  maxRank,
  normaliseAxes,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
} from "../tensor/shape.js";
import { type DType, Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { assemble, whole } from "./move.js";

/** The same elements under another shape; one size may be -1 and is worked out. No copy. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkInputs("reshape", [x], x.dtype);
  const to = inferShape(x, shape);
  if (sameShape(to, x.shape)) return x;
  const out = new Tensor(x.device, x.slice, to, x.dtype);
  return record("reshape", out, [x], [], (g) => [reshape(g, x.shape)]);
}

function inferShape(x: Tensor, shape: Shape): Shape {
  const unknown = shape.filter((d) => d === -1).length;
  const known = sizeOf(shape.map((d) => (d === -1 ? 1 : d)));
  const fits = unknown === 1 ? known > 0 && x.size % known === 0 : known === x.size;
  if (unknown > 1 || !fits) {
    throw new ShapeError(
      `reshape: ${formatShape(x.shape)} has ${x.size} elements and does not fit ${formatShape(shape)}`,
    );
  }
  return shape.map((d) => (d === -1 ? x.size / known : d));
}

/** Reorders dimensions: dimension i of the result is dimension perm[i] of x. */
export function permute(x: Tensor, perm: readonly number[]): Tensor {
  checkInputs("permute", [x], x.dtype);
  const rank = x.shape.length;
  normaliseAxes("permute", perm, rank);
  const order = perm.map((p) => (p < 0 ? p + rank : p));
  if (order.length !== rank || rank > maxRank) {
    throw new ShapeError(
      `permute: [${perm}] must name each of the ${rank} dimensions once (at most ${maxRank})`,
    );
  }
  const own = stridesOf(x.shape);
  const shape = order.map((p) => x.shape[p] ?? 1);
  const from = { offset: 0, strides: order.map((p) => own[p] ?? 1) };
  return assemble("permute", x, shape, [{ shape, from, to: whole(shape) }]);
}

/** Swaps the last two dimensions. */
export function transpose(x: Tensor): Tensor {
  const rank = x.shape.length;
  if (rank < 2)
    throw new ShapeError(`transpose: needs rank 2, the shape is ${formatShape(x.shape)}`);
  const perm = x.shape.map((_, i) => i);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return permute(x, perm);
}

/** x without dimensions of size 1: all of them, or those of the axes given. No copy. */
export function squeeze(x: Tensor, axes?: readonly number[]): Tensor {
  const over = axes && normaliseAxes("squeeze", axes, x.shape.length);
  for (const d of over ?? []) {
    if (x.shape[d] === 1) continue;
    throw new ShapeError(`squeeze: axis ${d} of ${formatShape(x.shape)} is not of size 1`);
  }
  return reshape(
    x,
    x.shape.filter((size, d) => (over ? !over.includes(d) : size !== 1)),
  );
}

/** x with a new dimension of size 1 at `axis`. No copy. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const [at = 0] = normaliseAxes("unsqueeze", [axis], x.shape.length + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** x with the dimensions from `first` on as one. No copy. */
export function flatten(x: Tensor, first = 1): Tensor {
  const [at = 0] = normaliseAxes("flatten", [first], Math.max(1, x.shape.length));
  return reshape(x, [...x.shape.slice(0, at), sizeOf(x.shape.slice(at))]);
}

/** x * scale repeated to a larger shape; outside the gradient graph. */
export function broadcastTo(x: Tensor, shape: Shape, scale = 1, dtype: DType = "f32"): Tensor {
  if (!sameShape(broadcastShapes("broadcastTo", [x.shape, shape]), shape)) {
    throw new ShapeError(
      `broadcastTo: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`,
    );
  }
  const out = empty(x.device, shape, dtype, "broadcast");
  if (out.size > 0) {
    x.device.run("elementwise", {
      kernel: "affine",
      inputs: [{ slice: x.slice, strides: broadcastStrides(x.shape, shape) }],
      out: out.slice,
      shape,
      scalars: [scale, 0],
    });
  }
  return out;
}

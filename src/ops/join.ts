import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { empty } from "../tensor/create.js";
import { formatShape, normaliseAxes, sameShape, stridesOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { reshape } from "./layout.js";
import { move, whole } from "./move.js";

/** The tensors one after the other along an axis; their other sizes and element types agree. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  const first = firstOf("concat", tensors);
  const [along = 0] = normaliseAxes("concat", [axis], first.shape.length);
  checkInputs("concat", tensors, first.dtype);
  for (const x of tensors) {
    const wanted = first.shape.map((d, i) => (i === along ? (x.shape[i] ?? 0) : d));
    if (sameShape(x.shape, wanted)) continue;
    throw new ShapeError(
      `concat: ${tensors.map((t) => formatShape(t.shape)).join(", ")} must agree in all sizes but ` +
        `that of axis ${along}`,
    );
  }
  const total = tensors.reduce((sum, x) => sum + (x.shape[along] ?? 0), 0);
  const shape = first.shape.map((d, i) => (i === along ? total : d));
  const out = empty(first.device, shape, first.dtype, "concat");
  const strides = stridesOf(shape);
  let start = 0;
  const places = tensors.map((x) => {
    const place = { offset: start * (strides[along] ?? 1), strides };
    start += x.shape[along] ?? 0;
    move(x, out, x.shape, whole(x.shape), place);
    return place;
  });
  return record("concat", out, tensors, [], (g, sink, needs) =>
    tensors.map((x, i) => {
      const place = places[i];
      if (!needs(i) || !place) return undefined;
      const dx = sink(i);
      move(g, dx, x.shape, place, whole(x.shape));
      return dx;
    }),
  );
}

/** Tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const { shape } = firstOf("stack", tensors);
  for (const x of tensors) {
    if (sameShape(x.shape, shape)) continue;
    throw new ShapeError(
      `stack: ${formatShape(shape)} and ${formatShape(x.shape)} must be of one shape; concat ` +
        "joins along an axis that they have",
    );
  }
  const [at = 0] = normaliseAxes("stack", [axis], shape.length + 1);
  const thin = [...shape.slice(0, at), 1, ...shape.slice(at)];
  return concat(
    tensors.map((x) => reshape(x, thin)),
    at,
  );
}

function firstOf(op: string, tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (!first) throw new ShapeError(`${op}: needs an array of at least one tensor`);
  return first;
}

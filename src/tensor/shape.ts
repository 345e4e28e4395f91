import { ShapeError } from "../device/errors.js";

/** Sizes of the dimensions, outermost first. */
export type Shape = readonly number[];

export const maxRank = 6;

export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;

/** The number of elements. A size that is not a non-negative integer is a ShapeError. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0) {
      throw new ShapeError(`${formatShape(shape)} is no shape: ${d} is not a size`);
    }
    size *= d;
  }
  return size;
}

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** Elements from one index to the next in each dimension of a row-major array. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i] ?? 1;
  }
  return strides;
}

/** NumPy's rule: aligned at the right, sizes are equal or 1. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((d, i) => {
      const at = rank - shape.length + i;
      if (d === 1) return;
      if (out[at] !== 1 && out[at] !== d) {
        throw new ShapeError(
          `${op}: ${shapes.map(formatShape).join(" and ")} do not broadcast: aligned at the right, ` +
            "sizes must be equal or 1",
        );
      }
      out[at] = d;
    });
  }
  return out;
}

/** Strides with which an array of `shape` is read as one of shape `to`: 0 where it is repeated. */
export function broadcastStrides(shape: Shape, to: Shape): number[] {
  const own = stridesOf(shape);
  const lead = to.length - shape.length;
  return to.map((d, i) =>
    i < lead || (shape[i - lead] === 1 && d !== 1) ? 0 : (own[i - lead] ?? 0),
  );
}

/** Indices of dimensions, negative ones counted from the end; sorted, without repeats. */
export function normaliseAxes(op: string, axes: readonly number[], rank: number): number[] {
  const out = axes.map((axis) => {
    const at = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(at) || at < 0 || at >= rank) {
      throw new ShapeError(`${op}: axis ${axis} does not exist in a tensor of rank ${rank}`);
    }
    return at;
  });
  out.sort((a, b) => a - b);
  if (new Set(out).size !== out.length) {
    throw new ShapeError(`${op}: axes [${axes.join(", ")}] name a dimension twice`);
  }
  return out;
}

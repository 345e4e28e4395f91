import { ShapeError } from "../device/errors.js";
import type { Steps } from "../device/kernels/moving-call.js";
import { shown } from "../device/options.js";
import { formatShape, type Shape, stridesOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkAxis, checkInputs, checkInteger } from "./arguments.js";
import { assemble, whole } from "./move.js";

/**
 * What to take of one dimension: null is all of it, a number is one index, whose dimension goes, and
 * [start, stop, step] is start, start + step, ... until before stop, as in Python: negative starts
 * and stops count from the end, null is as far as the step goes. The step defaults to 1.
 */
export type SliceRange =
  | number
  | null
  | readonly [start: number | null, stop?: number | null, step?: number];

/**
 * A part of x: a range for each of its first dimensions, the others whole. `slice(x, [null, [1, -1],
 * 0])` is Python's x[:, 1:-1, 0]. A start or stop outside of x is a ShapeError, not cut to fit.
 */
export function slice(x: Tensor, ranges: readonly SliceRange[]): Tensor {
  checkInputs("slice", [x], x.dtype);
  if (!Array.isArray(ranges) || ranges.length > x.shape.length) {
    throw new ShapeError(
      `slice: ${shown(ranges)} must be an array of at most ${x.shape.length} ranges for ` +
        formatShape(x.shape),
    );
  }
  const own = stridesOf(x.shape);
  const from = { offset: 0, strides: [] as number[] };
  const shape: number[] = [];
  x.shape.forEach((size, d) => {
    const range = ranges[d] ?? null;
    const stride = own[d] ?? 1;
    if (typeof range === "number") {
      from.offset += within(x, d, range, size - 1) * stride;
      return;
    }
    const { start, count, step } = resolve(x, d, size, range);
    if (count > 0) from.offset += start * stride;
    from.strides.push(step * stride);
    shape.push(count);
  });
  return assemble("slice", x, shape, [{ shape, from, to: whole(shape) }]);
}

function resolve(x: Tensor, d: number, size: number, range: Exclude<SliceRange, number>) {
  const [first = null, last = null, step = 1] = range ?? [];
  if (!Number.isInteger(step) || step === 0) {
    throw new ShapeError(`slice: the step ${step} along axis ${d} must be an integer but 0`);
  }
  const forth = step > 0;
  const start =
    first === null ? (forth ? 0 : size - 1) : within(x, d, first, forth ? size : size - 1);
  const stop = last === null ? (forth ? size : -1) : within(x, d, last, size);
  return { start, step, count: Math.max(0, Math.ceil((stop - start) / step)) };
}

/** An index from 0, or a ShapeError. */
function within(x: Tensor, d: number, index: number, most: number): number {
  const size = x.shape[d] ?? 0;
  const at = index < 0 ? index + size : index;
  if (!Number.isInteger(at) || at < 0 || at > most) {
    throw new ShapeError(
      `slice: ${index} along axis ${d} is outside of ${formatShape(x.shape)}; give an integer in ` +
        `${-size} .. ${most}`,
    );
  }
  return at;
}

/** `size` indices along an axis from `start` on: a slice by axis. */
function part(x: Tensor, axis: number, start: number, size: number): Tensor {
  return slice(x, [...new Array<null>(axis).fill(null), [start, start + size]]);
}

/** x in parts along an axis: of the sizes given, or in so many equal ones. */
export function split(x: Tensor, parts: number | readonly number[], axis = 0): Tensor[] {
  const along = checkAxis("split", x, axis);
  const size = x.shape[along] ?? 0;
  let sizes = parts;
  if (typeof sizes === "number") {
    checkInteger("split", "parts", sizes, 1);
    sizes = new Array<number>(sizes).fill(size / sizes);
  }
  for (const s of sizes) if (!(Number.isInteger(s) && s >= 0)) fail();
  let start = 0;
  const ends = sizes.map((s) => {
    start += s;
    return start;
  });
  if (start !== size) fail();
  return sizes.map((s, i) => part(x, along, (ends[i] ?? 0) - s, s));

  function fail(): never {
    throw new ShapeError(
      `split: ${shown(parts)} does not divide axis ${along} of ${formatShape(x.shape)}; give a ` +
        `divisor of ${size}, or sizes that add up to it`,
    );
  }
}

/** x with its elements in reverse order along some axes. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  checkInputs("flip", [x], x.dtype);
  const over = axes.map((axis) => checkAxis("flip", x, axis));
  const own = stridesOf(x.shape);
  const from: Steps = {
    offset: over.reduce((sum, d) => sum + Math.max(0, (x.shape[d] ?? 1) - 1) * (own[d] ?? 1), 0),
    strides: own.map((stride, d) => (over.includes(d) ? -stride : stride)),
  };
  return assemble("flip", x, x.shape, [{ shape: x.shape, from, to: whole(x.shape) }]);
}

/** x moved on by `shift` along an axis; what leaves at one end comes in at the other. */
export function roll(x: Tensor, shift: number, axis: number): Tensor {
  checkInputs("roll", [x], x.dtype);
  const along = checkAxis("roll", x, axis);
  if (!Number.isInteger(shift)) throw new ShapeError(`roll: the shift ${shift} is no integer`);
  const size = x.shape[along] ?? 1;
  const by = size === 0 ? 0 : ((shift % size) + size) % size;
  const strides = stridesOf(x.shape);
  const stride = strides[along] ?? 1;
  const piece = (length: number, from: number, to: number) => ({
    shape: x.shape.map((d, i) => (i === along ? length : d)) as Shape,
    from: { offset: from * stride, strides },
    to: { offset: to * stride, strides },
  });
  return assemble("roll", x, x.shape, [piece(size - by, 0, by), piece(by, size - by, 0)]);
}

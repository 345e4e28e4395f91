import type { Shape } from "../../../src/tensor/shape.js";
import { product } from "../../support/random.js";

/** A dense row-major array in float64. Its data are never written again: steps make new ones. */
export interface Value {
  readonly shape: Shape;
  readonly data: Float64Array;
}

export const sizeOf = (shape: Shape): number => product(shape);

export const zerosLike = (x: Value): Value => ({
  shape: x.shape,
  data: new Float64Array(x.data.length),
});

/** The elements of `data` that no index reads are an error of the test, never a 0. */
export function read(x: Value, i: number): number {
  const value = x.data[i];
  if (value === undefined) throw new RangeError(`element ${i} of a value of ${x.data.length}`);
  return value;
}

export const increase = (x: Value, i: number, by: number): void => {
  x.data[i] = read(x, i) + by;
};

export const plus = (a: Value, b: Value): Value => ({
  shape: a.shape,
  data: a.data.map((v, i) => v + read(b, i)),
});

/** Strides of a row-major array. */
export function strides(shape: Shape): number[] {
  const out: number[] = [];
  let step = 1;
  for (const d of [...shape].reverse()) {
    out.unshift(step);
    step *= d;
  }
  return out;
}

/** The coordinates of element i, outermost first. */
export function coordinates(shape: Shape, i: number): number[] {
  return strides(shape).map((stride, d) => Math.floor(i / stride) % (shape[d] ?? 1));
}

/** Where a broadcast operand of `shape` is read for each element of `out`. */
export function broadcastIndex(shape: Shape, out: Shape): Int32Array {
  const at = new Int32Array(sizeOf(out));
  const lead = out.length - shape.length;
  let step = 1;
  let repeat = 1;
  for (let d = out.length - 1; d >= 0; d--) {
    const size = out[d] ?? 1;
    const own = shape[d - lead] ?? 1;
    if (own !== 1) {
      for (let i = 0; i < at.length; i++) {
        at[i] = (at[i] ?? 0) + step * (Math.floor(i / repeat) % size);
      }
      step *= own;
    }
    repeat *= size;
  }
  return at;
}

/** NumPy's rule; null where the shapes do not fit. */
export function broadcast(shapes: readonly Shape[]): number[] | null {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out: number[] = [];
  for (let d = 0; d < rank; d++) {
    const sizes = new Set(shapes.map((s) => s[s.length - rank + d] ?? 1));
    sizes.delete(1);
    if (sizes.size > 1) return null;
    out.push([...sizes][0] ?? 1);
  }
  return out;
}

export function rms(data: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += (data[i] ?? 0) ** 2;
  return Math.sqrt(sum / Math.max(1, data.length));
}

import type { Shape } from "../../../src/tensor/shape.js";
import type { Tensor } from "../../../src/tensor/tensor.js";
import {
  broadcast,
  broadcastIndex,
  increase,
  read,
  sizeOf,
  type Value,
  zerosLike,
} from "./value.js";

/** An op of the library beside its mathematics in float64. */
export interface Operation {
  /** The name by which the library's errors call it. */
  readonly name: string;
  /** With its options, for printing. */
  readonly label: string;
  forward(x: readonly Value[]): Value;
  /** The gradients of the inputs; null where there is none. */
  backward(g: Value, x: readonly Value[], y: Value): readonly (Value | null)[];
  apply(x: readonly Tensor[]): Tensor;
  /** Whether values lie inside the op's domain and away from its kinks. */
  suits(x: readonly Value[]): boolean;
  /** The result is the first input's memory under another shape. */
  readonly view?: boolean;
  /** The result has no gradient. */
  readonly cuts?: boolean;
  /** How large the terms are that make up the first input's gradient, where they may cancel. */
  terms?(g: Value, x: readonly Value[]): number;
  /** What it leaves in its inputs, by their place: running statistics. */
  updates?(x: readonly Value[]): ReadonlyMap<number, Value>;
}

/** How far from a kink a value has to lie. */
export const margin = 0.005;

export const everywhere = (): boolean => true;

/** An op of broadcast operands: f of the elements, and its derivative by each of them. */
export function pointwise(
  name: string,
  apply: Operation["apply"],
  f: (...x: number[]) => number,
  slopes: readonly (((...x: number[]) => number) | null)[],
  suits: (...x: number[]) => boolean = everywhere,
  label = name,
): Operation {
  const walk = (x: readonly Value[], visit: (o: number, at: number[], v: number[]) => void) => {
    const shape = broadcast(x.map((v) => v.shape));
    if (!shape) throw new RangeError(`${name}: shapes that do not broadcast`);
    const maps = x.map((v) => broadcastIndex(v.shape, shape));
    for (let o = 0; o < sizeOf(shape); o++) {
      const at = maps.map((map) => map[o] ?? 0);
      visit(
        o,
        at,
        at.map((i, k) => x[k]?.data[i] ?? Number.NaN),
      );
    }
    return shape;
  };
  return {
    name,
    label,
    apply,
    forward(x) {
      const out: number[] = [];
      const shape = walk(x, (o, _, v) => {
        out[o] = f(...v);
      });
      return { shape, data: Float64Array.from(out) };
    },
    backward(g, x) {
      const parts = x.map((v, k) => (slopes[k] ? zerosLike(v) : null));
      walk(x, (o, at, v) => {
        parts.forEach((part, k) => {
          if (part) increase(part, at[k] ?? 0, read(g, o) * (slopes[k]?.(...v) ?? 0));
        });
      });
      return parts;
    },
    suits(x) {
      let fits = true;
      walk(x, (_, __, v) => {
        fits &&= suits(...v);
      });
      return fits;
    },
  };
}

/** Calls `visit` for every term `out[o] += coefficient * x[i]`. */
export type Terms = (x: Value, visit: (o: number, i: number, coefficient: number) => void) => Shape;

/** An op whose result is a sum of its input's elements; which ones may depend on their values. */
export function linear(
  name: string,
  apply: (x: Tensor) => Tensor,
  terms: Terms,
  more: Partial<Operation> = {},
): Operation {
  return {
    name,
    label: name,
    apply: ([x]) => apply(x as Tensor),
    forward([x]) {
      const out: number[] = [];
      const shape = terms(x as Value, (o, i, c) => {
        out[o] = (out[o] ?? 0) + c * read(x as Value, i);
      });
      return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, o) => out[o] ?? 0) };
    },
    backward(g, [x]) {
      const dx = zerosLike(x as Value);
      terms(x as Value, (o, i, c) => increase(dx, i, c * read(g, o)));
      return [dx];
    },
    suits: everywhere,
    ...more,
  };
}

/** Calls `visit` for every product `out[o] += a[i] * b[j]`. */
export type Products = (
  a: Value,
  b: Value,
  visit: (o: number, i: number, j: number) => void,
) => Shape;

/** A product of two inputs: matrix products and convolutions. */
export function bilinear(
  name: string,
  label: string,
  apply: (a: Tensor, b: Tensor) => Tensor,
  products: Products,
): Operation {
  return {
    name,
    label,
    apply: ([a, b]) => apply(a as Tensor, b as Tensor),
    forward([a, b]) {
      const [left, right] = [(a as Value).data, (b as Value).data];
      const out: number[] = [];
      const shape = products(a as Value, b as Value, (o, i, j) => {
        out[o] = (out[o] ?? 0) + (left[i] ?? Number.NaN) * (right[j] ?? Number.NaN);
      });
      return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, o) => out[o] ?? 0) };
    },
    backward(g, [a, b]) {
      const da = zerosLike(a as Value);
      const db = zerosLike(b as Value);
      const [left, right] = [(a as Value).data, (b as Value).data];
      products(a as Value, b as Value, (o, i, j) => {
        const dy = g.data[o] ?? Number.NaN;
        da.data[i] = (da.data[i] ?? 0) + dy * (right[j] ?? Number.NaN);
        db.data[j] = (db.data[j] ?? 0) + dy * (left[i] ?? Number.NaN);
      });
      return [da, db];
    },
    suits: everywhere,
  };
}

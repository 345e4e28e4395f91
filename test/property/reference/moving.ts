import { gather as gatherRows } from "../../../src/ops/gather.js";
import {
  permute as permuted,
  broadcastTo as repeated,
  reshape as reshaped,
} from "../../../src/ops/layout.js";
import { avgPool2d, maxPool2d } from "../../../src/ops/pool2d.js";
import { mean as average, max as largest, sum as total } from "../../../src/ops/reduce.js";
import type { Shape } from "../../../src/tensor/shape.js";
import type { Tensor } from "../../../src/tensor/tensor.js";
import { linear, margin, type Operation, type Terms } from "./operation.js";
import { broadcastIndex, coordinates, read, sizeOf, strides, type Value } from "./value.js";

export const reshape = (shape: Shape): Operation =>
  linear(
    "reshape",
    (x) => reshaped(x, shape),
    (x, visit) => {
      for (let i = 0; i < x.data.length; i++) visit(i, i, 1);
      return shape;
    },
    { label: `reshape(${shape})`, view: true },
  );

export const permute = (perm: readonly number[]): Operation =>
  linear(
    "permute",
    (x) => permuted(x, perm),
    (x, visit) => {
      const shape = perm.map((p) => x.shape[p] ?? 1);
      const [from, to] = [strides(x.shape), strides(shape)];
      for (let o = 0; o < x.data.length; o++) {
        let at = 0;
        perm.forEach((p, d) => {
          at += (Math.floor(o / (to[d] ?? 1)) % (shape[d] ?? 1)) * (from[p] ?? 0);
        });
        visit(o, at, 1);
      }
      return shape;
    },
    { label: `permute(${perm})` },
  );

/** Outside the gradient graph. */
export const broadcastTo = (shape: Shape): Operation =>
  linear(
    "broadcastTo",
    (x) => repeated(x, shape),
    (x, visit) => {
      const map = broadcastIndex(x.shape, shape);
      for (let o = 0; o < sizeOf(shape); o++) visit(o, map[o] ?? 0, 1);
      return shape;
    },
    { label: `broadcastTo(${shape})`, cuts: true },
  );

interface Reduction {
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}

/** The element of the result that each element of x goes into. */
function reduced(shape: Shape, { axes = shape.map((_, d) => d), keepDims = false }: Reduction) {
  const kept = shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const map = broadcastIndex(kept, shape);
  return { map, kept, shape: keepDims ? kept : shape.filter((_, i) => !axes.includes(i)) };
}

const adding =
  (how: Reduction, weight: (count: number) => number): Terms =>
  (x, visit) => {
    const { map, kept, shape } = reduced(x.shape, how);
    const c = weight(x.data.length / sizeOf(kept));
    for (let i = 0; i < x.data.length; i++) visit(map[i] ?? 0, i, c);
    return shape;
  };

/** The options of a reduction. */
const kept = ({ keepDims = false }: Reduction) => ({ keepDims });

const labelOf = (name: string, { axes, keepDims }: Reduction): string =>
  `${name}(${axes ? `[${axes}]` : "all"}${keepDims ? ", keepDims" : ""})`;

export const sum = (how: Reduction = {}): Operation =>
  linear(
    "sum",
    (x) => total(x, how.axes, kept(how)),
    adding(how, () => 1),
    {
      label: labelOf("sum", how),
    },
  );

export const mean = (how: Reduction = {}): Operation =>
  linear(
    "mean",
    (x) => average(x, how.axes, kept(how)),
    adding(how, (count) => 1 / count),
    {
      label: labelOf("mean", how),
    },
  );

/** For each result the elements of x it is chosen from. */
type Windows = (x: Value) => { shape: Shape; windows: readonly (readonly number[])[] };

function choosing(name: string, label: string, apply: (x: Tensor) => Tensor, windows: Windows) {
  const ranked = (x: Value, window: readonly number[]): number[] =>
    [...window].sort((i, j) => read(x, j) - read(x, i));
  return linear(
    name,
    apply,
    (x, visit) => {
      const { shape, windows: all } = windows(x);
      all.forEach((window, o) => {
        visit(o, ranked(x, window)[0] ?? 0, 1);
      });
      return shape;
    },
    {
      label,
      suits: ([x]) =>
        windows(x as Value).windows.every((window) => {
          const [first = 0, second] = ranked(x as Value, window).map((i) => read(x as Value, i));
          return second === undefined || first - second > margin;
        }),
    },
  );
}

export const max = (how: Reduction = {}): Operation =>
  choosing(
    "max",
    labelOf("max", how),
    (x) => largest(x, how.axes, kept(how)),
    (x) => {
      const { map, kept, shape } = reduced(x.shape, how);
      const windows = Array.from({ length: sizeOf(kept) }, (): number[] => []);
      for (let i = 0; i < x.data.length; i++) windows[map[i] ?? 0]?.push(i);
      return { shape, windows };
    },
  );

/** The pixels inside the image of each window of x [n, h, w, c]. */
function pooling(shape: Shape, size: number, stride: number, padding: number) {
  const [n, h, w, c] = shape as [number, number, number, number];
  const out = (d: number): number => Math.floor((d + 2 * padding - size) / stride) + 1;
  const to = [n, out(h), out(w), c];
  const windows = Array.from({ length: sizeOf(to) }, (_, o) => {
    const [b, oh, ow, ch] = coordinates(to, o) as [number, number, number, number];
    const window: number[] = [];
    for (let i = oh * stride - padding; i < oh * stride - padding + size; i++) {
      for (let j = ow * stride - padding; j < ow * stride - padding + size; j++) {
        if (i >= 0 && i < h && j >= 0 && j < w) window.push(((b * h + i) * w + j) * c + ch);
      }
    }
    return window;
  });
  return { shape: to, windows };
}

export const maxPool = (size: number, stride: number, padding: number): Operation =>
  choosing(
    "maxPool2d",
    `maxPool2d(${size}, stride ${stride}, padding ${padding})`,
    (x) => maxPool2d(x, size, { stride, padding }),
    (x) => pooling(x.shape, size, stride, padding),
  );

export const avgPool = (size: number, stride: number, padding: number): Operation =>
  linear(
    "avgPool2d",
    (x) => avgPool2d(x, size, { stride, padding }),
    (x, visit) => {
      const { shape, windows } = pooling(x.shape, size, stride, padding);
      windows.forEach((window, o) => {
        for (const i of window) visit(o, i, 1 / size ** 2);
      });
      return shape;
    },
    { label: `avgPool2d(${size}, stride ${stride}, padding ${padding})` },
  );

/** Rows of x by an index, which has no gradient. */
export const gather: Operation = {
  name: "gather",
  label: "gather",
  apply: ([x, index]) => gatherRows(x as Tensor, index as Tensor),
  forward: ([x, index]) => picking(x as Value, index as Value).forward([x as Value]),
  backward: (g, [x, index], y) => [
    ...picking(x as Value, index as Value).backward(g, [x as Value], y),
    null,
  ],
  suits: () => true,
};

const picking = (x: Value, index: Value): Operation =>
  linear(
    "gather",
    (t) => t,
    (_, visit) => {
      const columns = x.data.length / (x.shape[0] ?? 1);
      index.data.forEach((row, picked) => {
        for (let c = 0; c < columns; c++) visit(picked * columns + c, row * columns + c, 1);
      });
      return [index.data.length, ...x.shape.slice(1)];
    },
  );

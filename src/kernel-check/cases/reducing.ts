import type { Pool2dShape } from "../../device/kernels/pool2d.js";
import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import { poolShape } from "./shapes.js";
import type { CasesOf } from "./table.js";

const operations = ["sum", "mean", "max", "min", "argmax"] as const;
const extents = [
  [3, 257, 5],
  [131, 10, 1],
  [2, 49, 64],
  [1, 4099, 1],
  [1, 300, 516],
] as const;

/** With ties the lowest index is the largest element's; NaN is larger than all. */
const reduce = operations.flatMap((op) =>
  extents.flatMap(([outer, reduced, inner]) =>
    (["values", "ties", "spoilt"] as const).map(
      (numbers) =>
        (d: Draw): HostCall<"reduce"> => ({
          ...{ op, outer, reduced, inner },
          x: d[numbers](outer * reduced * inner),
          out: op === "argmax" ? d.wordResult(outer * inner) : d.floatResult(outer * inner),
        }),
    ),
  ),
);

const pools = [
  poolShape([1, 9, 11, 5], [3, 3], { stride: [2, 2], pad: [1, 1] }),
  poolShape([2, 8, 6, 4], [3, 3], { pad: [1, 1] }),
  poolShape([3, 4, 4, 64], [4, 4], { stride: [4, 4] }),
  poolShape([1, 13, 7, 33], [3, 2], { stride: [1, 2], pad: [1, 0] }),
];
const kinds = pools.flatMap((shape) => (["max", "avg"] as const).map((op) => ({ op, shape })));
const extent = (s: Pool2dShape) => ({
  x: s.n * s.h * s.w * s.c,
  out: s.n * s.outH * s.outW * s.c,
});

/**
 * All below zero, so that padding taken for zeros shows; of equal numbers the first one counts, of
 * several NaN the last.
 */
const inputs = [
  (d: Draw, length: number) => d.ties(length, -3, -1),
  (d: Draw, length: number) => d.spoilt(length),
];

const pool2d = kinds.flatMap(({ op, shape }) =>
  inputs.map((draw) => (d: Draw): HostCall<"pool2d"> => {
    const { x, out } = extent(shape);
    return { op, shape, x: draw(d, x), out: d.result(out) };
  }),
);

const pool2dBackward = kinds.flatMap(({ op, shape }) =>
  inputs.map((draw) => (d: Draw): HostCall<"pool2dBackward"> => {
    const { x, out } = extent(shape);
    return { op, shape, x: draw(d, x), dy: d.values(out), dx: d.result(x) };
  }),
);

/** Sums, means, maxima and pooling. */
export const reducing = { reduce, pool2d, pool2dBackward } satisfies CasesOf;

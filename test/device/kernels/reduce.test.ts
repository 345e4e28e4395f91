import { exact } from "../../support/compare.js";
import { describeOnDevices } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { gridded, output, outputWords, uniform } from "../../support/random.js";

type Extent = readonly [outer: number, reduced: number, inner: number];

const extents: readonly Extent[] = [
  [1, 1, 1],
  [5, 1, 3],
  [1, 7, 1],
  [7, 5, 1],
  [1, 257, 1],
  [1, 4099, 1],
  [3, 257, 5],
  [131, 10, 1],
  [1031, 3, 1],
  [2, 49, 64],
  [1, 1031, 33],
  [1, 300, 513],
  [4, 1, 257],
  [67, 65, 1],
];
const operations = ["sum", "mean", "max", "min", "argmax"] as const;

const titled = (op: string, [outer, reduced, inner]: Extent): string =>
  `${op} of [${outer}, ${reduced}, ${inner}]`;

const every = operations.flatMap((op) =>
  extents.map(([outer, reduced, inner]) =>
    kernelCase(
      "reduce",
      titled(op, [outer, reduced, inner]),
      () => ({
        op,
        x: uniform(outer + reduced + inner, outer * reduced * inner),
        out: op === "argmax" ? outputWords(outer * inner) : output(outer * inner),
        outer,
        reduced,
        inner,
      }),
      op === "sum" || op === "mean" ? {} : { out: exact },
    ),
  ),
);

/** Long sums: one running float32 sum of these loses the fifth digit. */
const long = [
  [1, 100003, 1] as const,
  [3, 100003, 1] as const,
  [1, 100003, 3] as const,
  [1, 20011, 33] as const,
].flatMap((extent) =>
  (["sum", "mean"] as const).flatMap((op) =>
    ([0, -1] as const).map((low) =>
      kernelCase("reduce", `${titled(op, extent)}, values in (${low}, 1)`, () => ({
        op,
        x: uniform(17, extent[0] * extent[1] * extent[2], low, 1),
        out: output(extent[0] * extent[2]),
        outer: extent[0],
        reduced: extent[1],
        inner: extent[2],
      })),
    ),
  ),
);

const ties = (["max", "min", "argmax"] as const).flatMap((op) =>
  [[5, 257, 3] as const, [1, 4099, 1] as const, [37, 11, 1] as const].map((extent) =>
    kernelCase(
      "reduce",
      `${titled(op, extent)} with ties, all negative`,
      () => ({
        op,
        x: gridded(7, extent[0] * extent[1] * extent[2], -5, -3, 0.5),
        out: op === "argmax" ? outputWords(extent[0] * extent[2]) : output(extent[0] * extent[2]),
        outer: extent[0],
        reduced: extent[1],
        inner: extent[2],
      }),
      { out: exact },
    ),
  ),
);

describeOnDevices("reduce", (device) => testKernelCases(device, every));
describeOnDevices("reduce, long sums", (device) => testKernelCases(device, long));
describeOnDevices("reduce, ties", (device) => testKernelCases(device, ties));

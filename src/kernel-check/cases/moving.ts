import { sizeOf } from "../../tensor/shape.js";
import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import type { CasesOf } from "./table.js";

const copy = [
  ...[3, 257, 4104].map((n) => (d: Draw) => ({ src: d.values(n), dst: d.result(n) })),
  (d: Draw) => ({ src: d.words(259), dst: d.wordResult(259) }),
];

/** 0.40625 is exact in both types. */
const fill = [1, 258, 4099].map((n) => (d: Draw) => ({ dst: d.result(n), value: -0.40625 }));

const permutations = [
  { shape: [67, 131], perm: [1, 0] },
  { shape: [7, 5, 3], perm: [2, 0, 1] },
  { shape: [2, 11, 13, 3], perm: [0, 3, 1, 2] },
  { shape: [2, 3, 2, 5, 3, 7], perm: [5, 3, 1, 0, 2, 4] },
];

const permute = permutations.map((call) => (d: Draw): HostCall<"permute"> => {
  const length = sizeOf(call.shape);
  return { x: d.values(length), out: d.result(length), ...call };
});

const tables = [
  [7, 5, 3],
  [257, 35, 64],
  [10, 1031, 1],
  [3, 2, 4099],
] as const;

const gatherRows = [
  ...tables.map(
    ([rows, picked, columns]) =>
      (d: Draw): HostCall<"gatherRows"> => ({
        ...{ rows, picked, columns },
        x: d.floats(rows * columns),
        index: d.integers(picked, rows),
        out: d.floatResult(picked * columns),
      }),
  ),
  // Rows out of range become NaN.
  (d: Draw): HostCall<"gatherRows"> => ({
    ...{ rows: 7, picked: 5, columns: 5 },
    x: d.floats(35),
    index: Uint32Array.of(6, 7, 0, 0xffffffff, 3),
    out: d.floatResult(25),
  }),
];

const scatterAddRows = tables.map(([rows, picked, columns]) => (d: Draw) => ({
  ...{ rows, picked, columns },
  dy: d.floats(picked * columns),
  index: d.integers(picked, rows),
  out: d.floatResult(rows * columns),
}));

const oneHot = [
  [7, 5],
  [257, 10],
  [35, 131],
].map(([picked = 0, classes = 0]) => (d: Draw) => ({
  ...{ picked, classes, on: 0.91, off: 0.01 },
  index: d.integers(picked, classes),
  out: d.floatResult(picked * classes),
}));

const images = [
  { n: 3, h: 5, w: 7, channels: 3, pad: 0, flip: false },
  { n: 33, h: 32, w: 32, channels: 3, pad: 4, flip: true },
  { n: 17, h: 28, w: 28, channels: 1, pad: 3, flip: false },
];

const augment = images.map((set) => (d: Draw): HostCall<"augment"> => {
  const { n, h, w, channels } = set;
  return {
    ...set,
    images: d.words(Math.ceil((n * h * w * channels) / 4)),
    out: d.result(n * h * w * 4),
    state: d.words(4),
    mean: [0.4914, 0.4822, 0.4465].slice(0, channels),
    std: [0.247, 0.2435, 0.2616].slice(0, channels),
  };
});

/** Kernels that move values: copies, layouts, rows, images. */
export const moving = {
  ...{ copy, fill, permute, gatherRows, scatterAddRows, oneHot, augment },
} satisfies CasesOf;

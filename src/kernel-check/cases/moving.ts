import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import type { CasesOf } from "./table.js";

const copy = [
  ...[3, 257, 4104].map((n) => (d: Draw) => ({ src: d.values(n), dst: d.result(n) })),
  (d: Draw) => ({ src: d.words(259), dst: d.wordResult(259) }),
];

/** 0.40625 is exact in both types. */
const fill = [1, 258, 4099].map((n) => (d: Draw) => ({ dst: d.result(n), value: -0.40625 }));

/** Lengths of x and of the result, the shape moved, and where it lies in both. */
type Move = readonly [
  x: number,
  out: number,
  shape: readonly number[],
  from: readonly [offset: number, ...strides: number[]],
  to: readonly [offset: number, ...strides: number[]],
];

const moves: readonly Move[] = [
  // Transpositions and permutations.
  [8777, 8777, [131, 67], [0, 1, 131], [0, 67, 1]],
  [105, 105, [3, 7, 5], [0, 1, 15, 3], [0, 35, 5, 1]],
  [858, 858, [2, 3, 11, 13], [0, 429, 1, 39, 3], [0, 429, 143, 13, 1]],
  [1260, 1260, [7, 5, 2, 2, 3, 3], [0, 1, 21, 105, 630, 210, 7], [0, 180, 36, 18, 9, 3, 1]],
  // A part, in words and in fours; backwards; every third; a row repeated; between other elements.
  [4099, 1200, [20, 60], [67, 133, 1], [0, 60, 1]],
  [4096, 1024, [16, 64], [128, 192, 1], [0, 64, 1]],
  [259, 259, [37, 7], [258, -7, -1], [0, 7, 1]],
  [300, 100, [100], [1, 3], [0, 1]],
  [12, 132, [11, 12], [0, 0, 1], [0, 12, 1]],
  [35, 331, [5, 7], [0, 7, 1], [29, 60, 3]],
  [64, 512, [8, 8], [0, 8, 1], [8, 64, 1]],
  // Windows of 3 by 2 on [2, 7, 6, 3], two apart.
  [252, 432, [2, 3, 4, 3, 2, 3], [0, 126, 36, 3, 18, 3, 1], [0, 216, 72, 18, 6, 3, 1]],
];

const move = moves.flatMap(([x, length, shape, from, to]) =>
  [false, true].map((add) => (d: Draw): HostCall<"move"> => {
    const steps = ([offset, ...strides]: Move[3]) => ({ offset, strides });
    const call = { shape, from: steps(from), to: steps(to), add };
    if (!add) return { x: d.values(x), out: d.values(length), ...call };
    return { x: d.floats(x), out: d.floats(length), ...call };
  }),
);

/** Bits that are no number, and an odd one out. */
const moveWords = (d: Draw): HostCall<"move"> => ({
  ...{ x: d.words(259), out: d.wordResult(257), shape: [257], add: false },
  from: { offset: 258, strides: [-1] },
  to: { offset: 0, strides: [1] },
});

const tables = [
  [7, 5, 3],
  [257, 35, 64],
  [10, 1031, 1],
  [3, 2, 4099],
  // So many that the indices are sorted.
  [1031, 9001, 4],
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

const orders = [
  [1, 1],
  [37, 10],
  [3, 257],
  [2, 1024],
] as const;

/** Ties, and numbers that are none. */
const sort = orders.flatMap(([rows, length]) =>
  [false, true].map((descending) => (d: Draw): HostCall<"sort"> => {
    const x = Float64Array.from(d.integers(rows * length, 21), (i) => (i - 10) / 4);
    x.set([Number.NaN, -0, Number.POSITIVE_INFINITY, 0, Number.NEGATIVE_INFINITY].slice(0, length));
    const [index, rank] = [d.wordResult(rows * length), d.wordResult(rows * length)];
    return { x, index, rank, rows, length, descending };
  }),
);

/** Some indices are out of range. */
const gatherAlong = orders.map(
  ([rows, length]) =>
    (d: Draw): HostCall<"gatherAlong"> => ({
      ...{ rows, length, picked: 7 },
      x: d.floats(rows * length),
      index: d.integers(rows * 7, length + 2),
      out: d.floatResult(rows * 7),
    }),
);

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
  ...{
    copy,
    fill,
    move: [...move, moveWords],
    gatherRows,
    scatterAddRows,
    sort,
    gatherAlong,
    oneHot,
    augment,
  },
} satisfies CasesOf;

import {
  type ElementwiseKernel,
  type ElementwiseOp,
  type ElementwiseRow,
  type Expr,
  elementwiseKernels,
  elementwiseTable,
  evaluate,
  type Name,
  operandsOf,
} from "../../src/device/elementwise.js";
import type { KernelName } from "../../src/device/kernels.js";
import { eachRelative, exact, type Tolerance } from "./compare.js";
import { halfRounding, halves } from "./half.js";
import { type KernelCase, kernelCase } from "./kernel-case.js";
import { at, gridded, output, outputWords, uniform, word } from "./random.js";
import { convShape, poolShape } from "./shapes.js";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** Zeros, ones, integers odd and even, fractions, infinities, NaN. */
const numbers = [nan, inf, -inf, 0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 2.5, -1.25, 5, -4];

/** Every pair of them when two operands have the seeds 0 and 1 and 256 elements. */
const pick = (seed: number, i: number): number => {
  if (seed > 1) return at(numbers, word(seed, i) % numbers.length);
  return at(numbers, (seed === 0 ? i : Math.floor(i / numbers.length)) % numbers.length);
};
const picks = (seed: number, length: number): Float64Array =>
  Float64Array.from({ length }, (_, i) => pick(seed, i));

/** Values with ties, one in `rarity` of which is NaN or infinite. */
const sprinkled = (seed: number, length: number, rarity: number): Float64Array =>
  gridded(seed, length, -2, 2, 0.25).map((x, i) => {
    const w = word(seed + 77, i);
    return w % rarity === 0 ? at([nan, inf, -inf, nan], (w >>> 16) % 4) : x;
  });

const stored = (isHalf: boolean, values: Float64Array): Float64Array =>
  isHalf ? halves(values) : values;

/** Those that only choose among numbers are exact, and pow has its digits. */
function barOf(kernel: ElementwiseKernel): Record<string, Tolerance> {
  const choosing = /^(maximum|minimum|relu|clamp|less|lessEqual|equal|same|where|sign|floor|abs)\b/;
  if (choosing.test(kernel)) return { out: exact };
  return /^pow/.test(kernel) && !kernel.endsWith("d1") ? { out: eachRelative } : {};
}

/** A kernel of the table on every pair of numbers; the scalars too are special. */
function elementwise(
  kernel: ElementwiseKernel,
  length: number,
  scalars: readonly [number, number],
  isHalf: boolean,
): KernelCase<"elementwise"> {
  const expression = elementwiseKernels().get(kernel);
  if (!expression) throw new Error(`no elementwise kernel ${kernel}`);
  const { forward }: ElementwiseRow = elementwiseTable[kernel.split(".")[0] as ElementwiseOp];
  const title = `${kernel} of ${length}${isHalf ? " halves" : ""} with scalars ${scalars}`;
  return kernelCase(
    "elementwise",
    title,
    () => {
      const values: Partial<Record<Name, Float64Array>> = {
        a: stored(isHalf, picks(0, length)),
        b: stored(isHalf, picks(1, length)),
        c: stored(isHalf, picks(2, length)),
        g: stored(isHalf, picks(3, length)),
      };
      const y = Float64Array.from({ length }, (_, i) => {
        const here = Object.entries(values).map(([name, v]) => [name, at(v, i)]);
        const [p, q] = scalars;
        return Math.fround(evaluate(forward, { ...Object.fromEntries(here), p, q }));
      });
      values.y = stored(isHalf, y);
      return {
        ...{ kernel, shape: [length], scalars, out: output(length) },
        inputs: operandsOf(expression).map((name) => ({
          slice: values[name] ?? new Float64Array(),
          strides: [1],
        })),
      };
    },
    barOf(kernel),
  );
}

/** Sums and products have their NaN from the hardware. */
const isArithmetic = (e: Expr): boolean =>
  e.kind === "binary"
    ? ["add", "sub", "mul", "div"].includes(e.fn) && isArithmetic(e.x) && isArithmetic(e.y)
    : e.kind === "name" || e.kind === "const";

/** In fours; those that choose one by one, too. */
const everyKernel = [...elementwiseKernels()]
  .filter(([, expression]) => !isArithmetic(expression))
  .flatMap(([kernel]) =>
    (barOf(kernel).out ? [256, 255] : [256]).map((length) =>
      elementwise(kernel, length, [0.25, 1.25], false),
    ),
  );
const specialScalars = (
  [
    [2, 3],
    [-1, 3],
    [0, 0],
    [-3, inf],
    [inf, inf],
    [nan, 1],
  ] as const
).flatMap((scalars) =>
  (["powScalar", "powScalar.d0", "clamp", "clamp.d0", "leakyRelu", "elu"] as const).map((kernel) =>
    elementwise(kernel, 256, scalars, false),
  ),
);

type Extent = readonly [outer: number, reduced: number, inner: number];
/** Across workgroups and chunks, in fours and one by one. */
const extents: readonly Extent[] = [
  [3, 257, 5],
  [131, 10, 1],
  [2, 49, 8],
  [1, 40_099, 1],
  [1, 1031, 4],
];
const reductions = ["sum", "mean", "max", "min", "argmax"] as const;

const reduce = (op: (typeof reductions)[number], extent: Extent, x: () => Float64Array) => {
  const [outer, reduced, inner] = extent;
  return kernelCase("reduce", `${op} of [${extent}]`, () => ({
    ...{ op, outer, reduced, inner, x: x() },
    out: op === "argmax" ? outputWords(outer * inner) : output(outer * inner),
  }));
};
const size = ([outer, reduced, inner]: Extent): number => outer * reduced * inner;

const reducing = reductions.flatMap((op) => [
  ...extents.map((extent) => reduce(op, extent, () => sprinkled(5, size(extent), 400))),
  ...extents.map((extent) => reduce(op, extent, () => sprinkled(6, size(extent), 3))),
  reduce(op, [7, 5, 3], () => new Float64Array(105).fill(nan)),
  reduce(op, [7, 5, 3], () => new Float64Array(105).fill(-inf)),
  reduce(op, [7, 5, 3], () => new Float64Array(105).fill(inf)),
]);

const pools = [
  poolShape([1, 9, 11, 5], [3, 3], { stride: [2, 2], pad: [1, 1] }),
  poolShape([2, 8, 6, 4], [3, 3], { pad: [1, 1] }),
];
const pooling = pools.flatMap((shape) =>
  (["max", "avg"] as const).flatMap((op) => {
    const x = () => sprinkled(7, shape.n * shape.h * shape.w * shape.c, 9);
    const outs = shape.n * shape.outH * shape.outW * shape.c;
    const title = `${op}, ${shape.c} channels`;
    return [
      kernelCase("pool2d", title, () => ({ op, shape, x: x(), out: output(outs) })),
      kernelCase("pool2dBackward", title, () => ({
        ...{ op, shape, x: x(), dy: sprinkled(8, outs, 19), dx: output(x().length) },
      })),
    ];
  }),
);

/** One invocation a row, and many. */
const losses = [
  [67, 3],
  [31, 45],
].flatMap(([rows = 0, classes = 0]) =>
  [0, 0.1].map((off) =>
    kernelCase("softmaxCrossEntropy", `${rows} rows of ${classes}, off ${off}`, () => {
      const logits = sprinkled(9, rows * classes, 2 * classes);
      logits.fill(-inf, 0, classes);
      return {
        ...{ rows, classes, off, on: 1 - off * (classes - 1), logits },
        labels: Uint32Array.from({ length: rows }, (_, r) => word(3, r) % classes),
        loss: output(rows),
        probabilities: output(rows * classes),
      };
    }),
  ),
);

const rows = 35;
/** Uniform but for the second channel, where some numbers are not finite. */
function spoilt(channels: number, seed: number, rarity: number): Float64Array {
  const clean = uniform(seed, rows * channels);
  const others = sprinkled(seed, rows * channels, rarity);
  return clean.map((x, i) => (i % channels === 1 ? at(others, i) : x));
}
/** As a batch's mean of infinities is, one way or the other. */
const onlyNaN = (values: Float64Array): Float64Array =>
  values.map((x) => (Number.isFinite(x) ? x : nan));

const norms = [5, 8].flatMap((channels) => {
  const title = `${channels} channels`;
  const shared = { rows, channels, relu: true };
  const state = () => ({
    ...{ ...shared, eps: 1e-5, out: output(rows * channels) },
    ...{ gamma: uniform(2, channels, 0.5, 2), beta: uniform(3, channels) },
    ...{ runningMean: uniform(4, channels), runningVar: uniform(5, channels, 0.5, 2) },
  });
  return [
    kernelCase("batchNormInference", title, () => ({
      ...{ ...state(), x: spoilt(channels, 11, 5), residual: spoilt(channels, 12, 7) },
    })),
    kernelCase("batchNorm", title, () => ({
      ...{ ...state(), x: onlyNaN(spoilt(channels, 11, 5)), residual: null, momentum: 0.1 },
      ...{ mean: output(channels), invStd: output(channels) },
    })),
    kernelCase("batchNormBackward", title, () => ({
      ...{ ...shared, training: true, x: uniform(1, rows * channels) },
      ...{ y: spoilt(channels, 11, 5), dy: spoilt(channels, 13, 50) },
      ...{ gamma: uniform(2, channels, 0.5, 2), mean: uniform(4, channels) },
      ...{ invStd: uniform(5, channels, 0.5, 2), dgamma: output(channels) },
      ...{ dbeta: output(channels), dx: output(rows * channels) },
      dresidual: output(rows * channels),
    })),
  ];
});

/** The ReLU behind a convolution: direct, and in Winograd's tiles. */
const convolutions = [
  convShape([2, 7, 5, 3], [1, 1, 5]),
  convShape([1, 16, 12, 12], [3, 3, 12], { pad: [1, 1] }),
].map((shape) =>
  kernelCase("conv2dInference", `to ${shape.cOut} channels`, () => ({
    ...{ shape, relu: true, x: uniform(1, shape.n * shape.h * shape.w * shape.cIn) },
    w: uniform(2, shape.kh * shape.kw * shape.cIn * shape.cOut),
    bias: uniform(3, shape.cOut).map((b, i) => (i === 2 ? nan : b)),
    residual: sprinkled(4, shape.n * shape.outH * shape.outW * shape.cOut, 11),
    out: output(shape.n * shape.outH * shape.outW * shape.cOut),
  })),
);

/** Calls of all kernels that compare, on NaN and infinities among other numbers. */
export const specialCases = [
  ...[...everyKernel, ...specialScalars, ...reducing, ...pooling],
  ...[...losses, ...norms, ...convolutions],
];

type Call = Readonly<Record<string, unknown>>;

/** The case with these fields as f16; the others, and arithmetic, stay f32. */
function inHalves<K extends KernelName>(of: KernelCase<K>, fields: readonly string[]) {
  const build = () => {
    const call = of.build();
    const half = fields.map((name) => [name, halves((call as Call)[name] as Float64Array)]);
    return { ...call, ...Object.fromEntries(half) };
  };
  const stored = ["out", "dx"].filter((name) => fields.includes(name));
  const bars = Object.fromEntries(stored.map((name) => [name, rounded]));
  return kernelCase(of.kernel, `${of.title}, halves`, build, { ...of.tolerances, ...bars });
}
const rounded: Tolerance = { kind: "max", bar: halfRounding + 1e-5 };

/** Some of them on what is stored as f16. */
export const specialHalfCases = [
  ...(["maximum", "minimum", "clamp", "relu.d0", "pow", "less", "where"] as const).flatMap(
    (kernel) => [256, 255].map((length) => elementwise(kernel, length, [0.25, 1.25], true)),
  ),
  ...reducing.map((of) => inHalves(of, ["x"])),
  ...pooling.map((of) => inHalves(of, of.kernel === "pool2d" ? ["x", "out"] : ["x", "dy", "dx"])),
  ...norms
    .filter(({ kernel }) => kernel === "batchNormInference")
    .map((of) => inHalves(of, ["x", "residual", "out"])),
];

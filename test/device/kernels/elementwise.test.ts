import {
  type ElementwiseKernel,
  type ElementwiseOp,
  type ElementwiseRow,
  elementwiseKernels,
  elementwiseTable,
  evaluate,
  type Name,
  operandsOf,
} from "../../../src/device/elementwise.js";
import { eachRelative, type Tolerance } from "../../support/compare.js";
import { describeOnDevices } from "../../support/devices.js";
import type { HostArray, HostCall } from "../../support/host-call.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { at, gridded, output, product, uniform } from "../../support/random.js";

type Draw = (seed: number, length: number, low: number, high: number) => Float64Array;

const scalars = [0.25, 1.25] as const;

const rowOf = (kernel: ElementwiseKernel): ElementwiseRow =>
  elementwiseTable[(kernel.split(".")[0] ?? kernel) as ElementwiseOp];

/** Contiguous operands of a kernel; `y` is what the row's forward expression gives, as in use. */
function operands(kernel: ElementwiseKernel, length: number, draw: Draw): HostArray[] {
  const expression = elementwiseKernels().get(kernel);
  if (!expression) throw new Error(`no elementwise kernel ${kernel}`);
  const row = rowOf(kernel);
  const [low, high] = row.domain ?? [-2, 2];
  const values: Partial<Record<Name, Float64Array>> = {
    a: draw(1, length, low, high),
    b: draw(2, length, low, high),
    c: draw(3, length, low, high),
    g: draw(4, length, -2, 2),
  };
  values.y = Float64Array.from({ length }, (_, i) => {
    const here = Object.fromEntries(Object.entries(values).map(([n, v]) => [n, at(v, i)]));
    return Math.fround(evaluate(row.forward, { ...here, p: scalars[0], q: scalars[1] }));
  });
  return operandsOf(expression).map((name) => values[name] ?? new Float64Array());
}

function contiguous(
  kernel: ElementwiseKernel,
  shape: readonly number[],
  draw: Draw,
): HostCall<"elementwise"> {
  const strides = shape.map((_, d) => product(shape.slice(d + 1)));
  return {
    kernel,
    inputs: operands(kernel, product(shape), draw).map((slice) => ({ slice, strides })),
    out: output(product(shape)),
    shape,
    scalars,
  };
}

const ties: Draw = (seed, length, low, high) => gridded(seed, length, low, high, 0.25);
const kernels = [...elementwiseKernels().keys()];

const everyRow = kernels.flatMap((kernel) => [
  kernelCase("elementwise", `${kernel} on [257]`, () => contiguous(kernel, [257], uniform)),
  kernelCase("elementwise", `${kernel} on [7, 5] with ties`, () =>
    contiguous(kernel, [7, 5], ties),
  ),
]);

const sizes = [[1], [3], [4099], [65537], [1, 1], [11, 13, 17]].flatMap((shape) =>
  (["add", "gelu", "relu.d0"] as const).map((kernel) =>
    kernelCase("elementwise", `${kernel} on [${shape}]`, () => contiguous(kernel, shape, uniform)),
  ),
);

/** Shapes with the operands' strides; the operand's length follows from them. */
const layouts: readonly (readonly [string, number[], readonly number[][]])[] = [
  ["a scalar on the right", [4099], [[1], [0]]],
  ["a scalar on the left", [4099], [[0], [1]]],
  ["two scalars", [5, 3], [[0, 0], [0, 0]]],
  ["a row", [67, 129], [[129, 1], [0, 1]]],
  ["a column", [67, 129], [[129, 1], [1, 0]]],
  ["a row and a column", [7, 5], [[0, 1], [1, 0]]],
  ["a row of 4 on the left", [33, 4], [[0, 1], [4, 1]]],
  ["one value a channel", [2, 5, 7, 3], [[105, 21, 3, 1], [0, 0, 0, 1]]],
  ["one value an image", [3, 5, 7, 2], [[70, 14, 2, 1], [1, 0, 0, 0]]],
  ["one plane for all images", [3, 5, 7, 2], [[70, 14, 2, 1], [0, 14, 2, 1]]],
  ["a transposed matrix", [13, 17], [[17, 1], [1, 13]]],
  ["two transposed matrices", [13, 17], [[1, 13], [1, 13]]],
  ["rank 5", [2, 3, 1, 5, 3], [[45, 15, 15, 3, 1], [0, 1, 0, 0, 3]]],
  ["rank 6", [2, 3, 2, 3, 2, 5], [[180, 60, 30, 10, 5, 1], [0, 2, 1, 0, 0, 6]]],
]; // biome-ignore format: one layout a line

const broadcasts = layouts.map(([title, shape, strides]) =>
  kernelCase("elementwise", `sub with ${title}`, () => ({
    kernel: "sub",
    inputs: strides.map((s, i) => ({
      slice: uniform(i + 5, 1 + s.reduce((end, stride, d) => end + stride * (at(shape, d) - 1), 0)),
      strides: s,
    })),
    out: output(product(shape)),
    shape,
    scalars,
  })),
);

const special = [
  kernelCase("elementwise", "three operands, two of them broadcast", () => ({
    kernel: "where",
    inputs: [
      { slice: ties(1, 5, -1, 1), strides: [0, 1] },
      { slice: uniform(2, 35), strides: [5, 1] },
      { slice: uniform(3, 7), strides: [1, 0] },
    ],
    out: output(35),
    shape: [7, 5],
    scalars,
  })),
  kernelCase("elementwise", "the same slice twice", () => {
    const slice = uniform(1, 257);
    return {
      kernel: "mul",
      inputs: [
        { slice, strides: [1] },
        { slice, strides: [1] },
      ],
      out: output(257),
      shape: [257],
      scalars,
    };
  }),
  // Both scalars of a kernel are read anew although the pipeline is the same.
  ...[0.5, -3].map((p) =>
    kernelCase("elementwise", `affine with p = ${p}`, () => ({
      ...contiguous("affine", [35], uniform),
      scalars: [p, 2 - p],
    })),
  ),
];

/** A unary kernel on given numbers. */
const unary = (kernel: ElementwiseOp, title: string, values: () => Float64Array, bar: Tolerance) =>
  kernelCase(
    "elementwise",
    `${kernel} ${title}`,
    () => ({
      kernel,
      inputs: [{ slice: values(), strides: [1] }],
      out: output(values().length),
      shape: [values().length],
      scalars,
    }),
    { out: bar },
  );

const ranges: readonly (readonly [ElementwiseOp, low: number, high: number])[] = [
  ["exp", -87, 88],
  ["log", 1e-30, 1e30],
  ["log", 0.9, 1.1],
  ["sqrt", 1e-30, 1e30],
  ["sin", -100, 100],
  ["cos", -100, 100],
  ["tanh", -12, 12],
  ["tanh", -0.01, 0.01],
  ["sigmoid", -80, 80],
  ["expm1", -5, 20],
  ["expm1", -0.01, 0.01],
  ["log1p", -0.9, 9],
  ["log1p", -0.01, 0.01],
  ["erf", -4, 4],
  ["erf", -0.01, 0.01],
  ["softplus", -30, 30],
];
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const edges: readonly (readonly [ElementwiseOp, number[]])[] = [
  ["exp", [0, inf, -inf, 1000, -1000, nan]],
  ["log", [1, 0, inf, -1, nan]],
  ["sqrt", [0, 4, inf, -1, nan]],
  ["tanh", [0, 100, -100, inf, -inf, nan]],
  ["sigmoid", [0, 100, -inf, inf, nan]],
  ["relu", [0, 3, -3, inf, -inf, nan]],
  ["abs", [0, -3, -inf, nan]],
  ["expm1", [0, 1000, -100, inf, -inf, nan]],
  ["log1p", [0, -1, inf, -2, nan]],
  ["erf", [0, 5, -10, inf, -inf, nan]],
  ["softplus", [0, 1000, -1000, inf, -inf, nan]],
];

/** Powers up to the ends of float32's range, where e^(b ln a) loses |b ln a| units in the last place. */
const powers = kernelCase(
  "elementwise",
  "pow to the ends of the range",
  () => {
    const a = uniform(1, 4099, -4.3, 4.3).map((x) => Math.fround(Math.exp(x)));
    const b = uniform(2, 4099, -20, 20);
    // Every third base is negative, with an integer exponent.
    a.forEach((x, i) => {
      if (i % 3 === 0) [a[i], b[i]] = [-x, Math.round(at(b, i))];
    });
    return {
      kernel: "pow",
      inputs: [a, b].map((slice) => ({ slice, strides: [1] })),
      ...{ out: output(4099), shape: [4099], scalars },
    };
  },
  { out: eachRelative },
);

const numerics = [
  powers,
  ...ranges.map(([kernel, low, high]) =>
    unary(kernel, `on (${low}, ${high})`, () => uniform(9, 4099, low, high), eachRelative),
  ),
  ...edges.map(([kernel, values]) =>
    unary(kernel, `of ${values}`, () => Float64Array.from(values), eachRelative),
  ),
];

describeOnDevices("elementwise rows", (device) => testKernelCases(device, everyRow));
describeOnDevices("elementwise sizes", (device) => testKernelCases(device, sizes));
describeOnDevices("elementwise broadcasts", (device) => testKernelCases(device, broadcasts));
describeOnDevices("elementwise operands", (device) => testKernelCases(device, special));
describeOnDevices("elementwise functions over their range", (device) =>
  testKernelCases(device, numerics),
);

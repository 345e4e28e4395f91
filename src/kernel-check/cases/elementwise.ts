import {
  type ElementwiseKernel,
  type ElementwiseOp,
  type ElementwiseRow,
  type Expr,
  elementwiseKernels,
  elementwiseTable,
  evaluate,
  type IntegerOp,
  integerTable,
  integerTypes,
  type Name,
  operandsOf,
} from "../../device/elementwise.js";
import { sizeOf } from "../../tensor/shape.js";
import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import type { CasesOf } from "./table.js";

type Call = HostCall<"elementwise">;
type Numbers = (d: Draw, length: number, low: number, high: number) => Float64Array;

const plain: Numbers = (d, length, low, high) => d.values(length, low, high);
const spoilt: Numbers = (d, length) => d.spoilt(length);
const ties: Numbers = (d, length, low, high) => d.ties(length, low, high);
const scalars = [0.25, 1.25] as const;

/** Operands on which the kernel is defined; `y` is what the row's forward expression gives. */
function contiguous(kernel: ElementwiseKernel, expression: Expr, length: number, numbers: Numbers) {
  return (d: Draw): Call => {
    const [op] = kernel.split(".") as [ElementwiseOp];
    const row: ElementwiseRow = elementwiseTable[op];
    const [low, high] = row.domain ?? [-2, 2];
    const values: Partial<Record<Name, Float64Array>> = {
      a: numbers(d, length, low, high),
      b: numbers(d, length, low, high),
      c: numbers(d, length, low, high),
      g: numbers(d, length, -2, 2),
    };
    const y = Float64Array.from({ length }, (_, i) => {
      const here = Object.entries(values).map(([name, v]) => [name, v[i]]);
      return evaluate(row.forward, { ...Object.fromEntries(here), p: scalars[0], q: scalars[1] });
    });
    values.y = d.store(y.map(Math.fround));
    const inputs = operandsOf(expression).map((name) => ({
      slice: values[name] ?? new Float64Array(length),
      strides: [1],
    }));
    return { kernel, inputs, out: d.result(length), shape: [length], scalars };
  };
}

const everyRow = [...elementwiseKernels()].flatMap(([kernel, expression]) => [
  contiguous(kernel, expression, 257, plain),
  contiguous(kernel, expression, 35, ties),
]);

/** Compilers may drop NaN from comparisons and maxima, so these are written against it. */
const chosen: ElementwiseKernel[] = [
  ...(["maximum", "minimum", "maximum.d1", "clamp", "clamp.d0", "relu", "relu.d0"] as const),
  ...(["less", "lessEqual", "equal", "same", "where", "sign", "exp", "tanh", "pow"] as const),
];
const nan = chosen.flatMap((kernel) => {
  const expression = elementwiseKernels().get(kernel);
  return expression ? [contiguous(kernel, expression, 256, spoilt)] : [];
});

/** A shape, and the strides of each operand: 0 where it is broadcast. */
type Layout = readonly [shape: readonly number[], ...strides: (readonly number[])[]];

const layouts: readonly Layout[] = [
  [[4099], [1], [0]],
  [[67, 129], [129, 1], [0, 1]],
  [[67, 129], [1, 0], [129, 1]],
  [[33, 4], [0, 1], [4, 1]],
  [[3, 5, 7, 2], [70, 14, 2, 1], [1, 0, 0, 0]],
  [[13, 17], [17, 1], [1, 13]],
  [[2, 3, 2, 3, 2, 5], [180, 60, 30, 10, 5, 1], [0, 2, 1, 0, 0, 6]],
]; // biome-ignore format: one layout a line

const broadcasts = layouts.map(
  ([shape, ...strides]) =>
    (d: Draw): Call => ({
      ...{ kernel: "sub", shape, scalars, out: d.result(sizeOf(shape)) },
      inputs: strides.map((of) => {
        const length = of.reduce((end, stride, i) => end + stride * ((shape[i] ?? 1) - 1), 1);
        return { slice: d.values(length), strides: of };
      }),
    }),
);

const unary = (slice: Float64Array, kernel: ElementwiseOp, out: Float64Array): Call => ({
  ...{ kernel, out, shape: [slice.length], scalars },
  inputs: [{ slice, strides: [1] }],
});

/** From one type to the other, and large arguments. */
const special = [
  (d: Draw): Call => unary(d.floats(4099), "cast", d.result(4099)),
  (d: Draw): Call => unary(d.values(4099), "cast", d.floatResult(4099)),
  (d: Draw): Call => unary(d.floats(4099, -12, 12), "tanh", d.floatResult(4099)),
  (d: Draw): Call => unary(d.floats(4099, -60, 60), "sigmoid", d.floatResult(4099)),
  (d: Draw): Call => unary(d.floats(257, 0.9, 1.1), "log", d.floatResult(257)),
  (d: Draw): Call => ({ ...unary(d.values(257), "affine", d.result(257)), scalars: [-3, 5] }),
];

const integers = (Object.keys(integerTable) as IntegerOp[]).flatMap((op) => {
  const [from, to] = integerTypes(op);
  // Above 2^24 not all integers are f32 numbers.
  const most = op === "toFloat" ? 2 ** 24 : 2 ** 32 - 1;
  const operands = operandsOf(integerTable[op]).length;
  const result = (d: Draw, n: number) => (to === "u32" ? d.wordResult(n) : d.floatResult(n));
  const draw = (d: Draw, n: number, small: boolean) =>
    from === "f32" ? d.floats(n, -3e9, 9e9) : d.integers(n, small ? 5 : most);
  // Of all sizes, in fours; small, so that some are equal or 0; one row for all.
  return [
    ...[257, 512].map(
      (n) =>
        (d: Draw): HostCall<"integer"> => ({
          ...{ op, out: result(d, n), shape: [n] },
          inputs: Array.from({ length: operands }, (_, i) => {
            return { slice: draw(d, n, n === 257 && i === 1), strides: [1] };
          }),
        }),
    ),
    (d: Draw): HostCall<"integer"> => ({
      ...{ op, out: result(d, 35), shape: [7, 5] },
      inputs: Array.from({ length: operands }, (_, i) => {
        return { slice: draw(d, i ? 5 : 35, true), strides: i ? [0, 1] : [1, 7] };
      }),
    }),
  ];
});

/** Every row of the elementwise table and every gradient of one, and how operands may lie. */
export const elementwise = {
  elementwise: [...everyRow, ...nan, ...broadcasts, ...special],
  integer: integers,
} satisfies CasesOf;

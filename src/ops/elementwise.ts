import { record, records, tracked } from "../autograd/tape.js";
import {
  type ElementwiseKernel,
  type ElementwiseOp,
  type ElementwiseRow,
  elementwiseTable,
  type IntegerOp,
  integerTable,
  integerTypes,
  type Name,
  operandsOf,
} from "../device/elementwise.js";
import { ShapeError } from "../device/errors.js";
import { empty, full, tensor } from "../tensor/create.js";
import {
  broadcastShapes,
  broadcastStrides,
  formatShape,
  maxRank,
  type Shape,
  sameShape,
} from "../tensor/shape.js";
import { type FloatType, Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { inType } from "./cast.js";
import { elementwiseType } from "./precision.js";
import { sumTo } from "./reduce.js";

const names: readonly Name[] = ["a", "b", "c"];

/** A tensor, or a number in place of one that has it everywhere. */
export type Operand = Tensor | number;

/**
 * Applies a row of the elementwise table with NumPy broadcasting. The named functions below are
 * this with the op filled in. `p` and `q` are the row's static scalars. The result is f16 if the
 * operands of its size are, else f32. Of u32 tensors it is `integerTable`'s, modulo 2^32.
 */
export function elementwise(op: ElementwiseOp, given: readonly Operand[], p = 0, q = 0): Tensor {
  const row: ElementwiseRow = elementwiseTable[op];
  if (given.length !== row.gradients.length) {
    throw new ShapeError(`${op}: takes ${row.gradients.length} tensors, ${given.length} given`);
  }
  const inputs = asTensors(op, given);
  if (inputs.some((x) => x.dtype === "u32")) return integers(op, inputs);
  checkInputs(op, inputs, "float");
  const shape = commonShape(op, inputs);
  const operands = new Map<Name, Tensor>(inputs.map((x, i) => [names[i] as Name, x]));
  const out = launch(op, row.forward, operands, shape, elementwiseType(inputs, shape), p, q);
  operands.set("y", out);
  const saved = savedBy(row, inputs, operands);
  const differentiable = inputs.map((x, i) => (row.gradients[i] ? x : x.detach()));
  return record(op, out, differentiable, saved, (g, _sink, needs) => {
    const known = new Map(operands).set("g", g);
    return inputs.map((x, i) => {
      const expression = row.gradients[i];
      if (!expression || !needs(i)) return undefined;
      const type = x.dtype as FloatType;
      // What is summed over a broadcast stays f32 until it is one.
      const fullType = sameShape(x.shape, shape) ? type : "f32";
      // The gradient of a sum is the incoming gradient itself: no kernel needed.
      const full =
        expression.kind === "name" && expression.name === "g"
          ? g
          : launch(`${op}.d${i as 0 | 1 | 2}`, expression, known, shape, fullType, p, q);
      return inType(sumTo(full, x.shape), type);
    });
  });
}

/** What the gradients of tracked inputs are computed from. */
function savedBy(
  { gradients }: ElementwiseRow,
  inputs: readonly Tensor[],
  operands: ReadonlyMap<Name, Tensor>,
): Tensor[] {
  if (!records(inputs)) return [];
  const saved = new Set<Tensor>();
  for (const [i, gradient] of gradients.entries()) {
    if (!gradient || !tracked(inputs[i] as Tensor)) continue;
    for (const name of operandsOf(gradient)) {
      const operand = operands.get(name);
      if (operand) saved.add(operand);
    }
  }
  return [...saved];
}

function launch(
  kernel: ElementwiseKernel,
  expression: Parameters<typeof operandsOf>[0],
  known: ReadonlyMap<Name, Tensor>,
  shape: Shape,
  dtype: FloatType,
  p: number,
  q: number,
): Tensor {
  const any = known.values().next().value as Tensor;
  const out = empty(any.device, shape, dtype, kernel);
  if (out.size === 0) return out;
  const inputs = operandsOf(expression)
    .filter((name) => known.has(name))
    .map((name) => {
      const x = known.get(name) as Tensor;
      return { slice: x.slice, strides: broadcastStrides(x.shape, shape) };
    });
  any.device.run("elementwise", { kernel, inputs, out: out.slice, shape, scalars: [p, q] });
  return out;
}

function commonShape(op: string, inputs: readonly Tensor[]): Shape {
  const shape = broadcastShapes(
    op,
    inputs.map((x) => x.shape),
  );
  if (shape.length > maxRank) {
    throw new ShapeError(`${op}: rank ${shape.length} is above the limit of ${maxRank}`);
  }
  return shape;
}

/** Numbers become tensors without dimensions, of the others' kind of elements. */
function asTensors(op: string, given: readonly Operand[]): Tensor[] {
  const some = given.find((x) => x instanceof Tensor);
  if (!some) throw new ShapeError(`${op}: needs at least one tensor, not ${given.join(" and ")}`);
  const whole = given.every((x) => typeof x === "number" || x.dtype === "u32");
  return given.map((x) => {
    if (x instanceof Tensor) return x;
    if (typeof x !== "number") {
      throw new ShapeError(`${op}: its operands are tensors and numbers, not ${String(x)}`);
    }
    if (!whole) return full(some.device, [], x);
    if (Number.isInteger(x) && x >= 0 && x < 2 ** 32) return tensor(some.device, [x], [], "u32");
    throw new ShapeError(
      `${op}: ${x} beside the u32 tensor ${formatShape(some.shape)} must be an integer in ` +
        `0 .. 2^32 - 1; for others use cast(x, "f32")`,
    );
  });
}

const isInteger = (op: string): op is IntegerOp => Object.hasOwn(integerTable, op);

/** An operation on u32 tensors; it has no gradient. */
function integers(op: ElementwiseOp, inputs: readonly Tensor[]): Tensor {
  if (!isInteger(op)) {
    throw new ShapeError(
      `${op}: takes no u32 tensors, ${inputs.map((x) => formatShape(x.shape)).join(" and ")} ` +
        `given; use cast(x, "f32")`,
    );
  }
  const [from, to] = integerTypes(op);
  checkInputs(op, inputs, from);
  const shape = commonShape(op, inputs);
  const out = empty(inputs[0]?.device as Tensor["device"], shape, to, op);
  if (out.size > 0) {
    out.device.run("integer", {
      ...{ op, out: out.slice, shape },
      inputs: inputs.map((x) => ({ slice: x.slice, strides: broadcastStrides(x.shape, shape) })),
    });
  }
  return out;
}

type One = (a: Tensor) => Tensor;
type Two = (a: Operand, b: Operand) => Tensor;
const one =
  (op: ElementwiseOp): One =>
  (a) =>
    elementwise(op, [a]);
const two =
  (op: ElementwiseOp): Two =>
  (a, b) =>
    elementwise(op, [a, b]);
/** With a number it is scale * x + shift: one kernel, and no memory for the number. */
const linear =
  (
    op: ElementwiseOp,
    right: (b: number) => readonly [scale: number, shift: number],
    left: (a: number) => readonly [scale: number, shift: number],
  ): Two =>
  (a, b) => {
    if (typeof b === "number" && isFloat(a)) return elementwise("affine", [a], ...right(b));
    if (typeof a === "number" && isFloat(b)) return elementwise("affine", [b], ...left(a));
    return elementwise(op, [a, b]);
  };
const isFloat = (x: Operand): x is Tensor => x instanceof Tensor && x.dtype !== "u32";

/** a + b, numbers or tensors, as for all that follow. */
export const add = linear(
  "add",
  (b) => [1, b],
  (a) => [1, a],
);
/** a - b. */
export const sub = linear(
  "sub",
  (b) => [1, -b],
  (a) => [-1, a],
);
/** a * b. */
export const mul = linear(
  "mul",
  (b) => [b, 0],
  (a) => [a, 0],
);
/** a / b; of u32 rounded down, and a / 0 is a. */
export const div = two("div");
export const maximum = two("maximum");
export const minimum = two("minimum");
/** a ** b as C's pow: 1 for b = 0, NaN for a negative a unless b is an integer. */
export const pow: Two = (a, b) =>
  typeof b === "number" && isFloat(a) ? powScalar(a, b) : elementwise("pow", [a, b]);
/** 1 where a < b, else 0 (also beside NaN), in f32; no gradient, as for all comparisons. */
export const less = two("less");
/** 1 where a <= b, else 0. */
export const lessEqual = two("lessEqual");
/** 1 where a > b, else 0. */
export const greater: Two = (a, b) => less(b, a);
/** 1 where a >= b, else 0. */
export const greaterEqual: Two = (a, b) => lessEqual(b, a);
/** 1 where a = b, else 0; a NaN equals nothing. */
export const equal = two("equal");
/** 0 where a = b, else 1. */
export const notEqual = two("notEqual");
export const neg = one("neg");
export const abs = one("abs");
export const exp = one("exp");
export const log = one("log");
export const sqrt = one("sqrt");
export const square = one("square");
export const reciprocal = one("reciprocal");
export const sin = one("sin");
export const cos = one("cos");
export const tanh = one("tanh");
export const sigmoid = one("sigmoid");
export const relu = one("relu");
export const silu = one("silu");
/** Gaussian error linear unit in its tanh form. */
export const gelu = one("gelu");
/** Gaussian error linear unit by the error function, PyTorch's default. */
export const geluExact = one("geluExact");
/** Error function. */
export const erf = one("erf");
/** e ** a - 1, exact near 0. */
export const expm1 = one("expm1");
/** Natural logarithm of 1 + a, exact near 0. */
export const log1p = one("log1p");
/** Natural logarithm of 1 + e ** a. */
export const softplus = one("softplus");
export const floor = one("floor");
export const sign = one("sign");
export const leakyRelu = (a: Tensor, slope = 0.01): Tensor => elementwise("leakyRelu", [a], slope);
export const elu = (a: Tensor, alpha = 1): Tensor => elementwise("elu", [a], alpha);
/** scale * a + shift with static scalars; for scalars that change, use tensors. */
export const affine = (a: Tensor, scale: number, shift = 0): Tensor =>
  elementwise("affine", [a], scale, shift);
/** a ** exponent with a static exponent, as `pow`. */
export const powScalar = (a: Tensor, exponent: number): Tensor =>
  elementwise("powScalar", [a], exponent);
/** a held within [low, high]. */
export const clamp = (a: Tensor, low: number, high: number): Tensor => {
  if (low > high) throw new ShapeError(`clamp: low ${low} is above high ${high}`);
  return elementwise("clamp", [a], low, high);
};
/** `yes` where condition is not 0 (NaN is not), else `no`. */
export const where = (condition: Tensor, yes: Operand, no: Operand): Tensor =>
  elementwise("where", [condition, yes, no]);

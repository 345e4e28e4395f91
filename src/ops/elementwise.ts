import { record, records, tracked } from "../autograd/tape.js";
import {
  type ElementwiseKernel,
  type ElementwiseOp,
  type ElementwiseRow,
  elementwiseTable,
  type Name,
  operandsOf,
} from "../device/elementwise.js";
import { ShapeError } from "../device/errors.js";
import { empty } from "../tensor/create.js";
import {
  broadcastShapes,
  broadcastStrides,
  maxRank,
  type Shape,
  sameShape,
} from "../tensor/shape.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { inType } from "./cast.js";
import { elementwiseType } from "./precision.js";
import { sumTo } from "./reduce.js";

const names: readonly Name[] = ["a", "b", "c"];

/**
 * Applies a row of the elementwise table with NumPy broadcasting. The named functions below are
 * this with the op filled in. `p` and `q` are the row's static scalars. The result is f16 if the
 * operands of its size are, else f32.
 */
export function elementwise(op: ElementwiseOp, inputs: readonly Tensor[], p = 0, q = 0): Tensor {
  const row: ElementwiseRow = elementwiseTable[op];
  if (inputs.length !== row.gradients.length) {
    throw new ShapeError(`${op}: takes ${row.gradients.length} tensors, ${inputs.length} given`);
  }
  checkInputs(op, inputs, "float");
  const shape = broadcastShapes(
    op,
    inputs.map((x) => x.shape),
  );
  if (shape.length > maxRank) {
    throw new ShapeError(`${op}: rank ${shape.length} is above the limit of ${maxRank}`);
  }
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

type One = (a: Tensor) => Tensor;
type Two = (a: Tensor, b: Tensor) => Tensor;
const one =
  (op: ElementwiseOp): One =>
  (a) =>
    elementwise(op, [a]);
const two =
  (op: ElementwiseOp): Two =>
  (a, b) =>
    elementwise(op, [a, b]);

export const add = two("add");
export const sub = two("sub");
export const mul = two("mul");
export const div = two("div");
export const maximum = two("maximum");
export const minimum = two("minimum");
/** a ** b, for a > 0. */
export const pow = two("pow");
/** 1 where the comparison holds, else 0; no gradient. */
export const less = two("less");
export const lessEqual = two("lessEqual");
export const equal = two("equal");
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
export const floor = one("floor");
export const sign = one("sign");
export const leakyRelu = (a: Tensor, slope = 0.01): Tensor => elementwise("leakyRelu", [a], slope);
export const elu = (a: Tensor, alpha = 1): Tensor => elementwise("elu", [a], alpha);
/** scale * a + shift with static scalars; for scalars that change, use tensors. */
export const affine = (a: Tensor, scale: number, shift = 0): Tensor =>
  elementwise("affine", [a], scale, shift);
/** a ** exponent with a static exponent, for a > 0. */
export const powScalar = (a: Tensor, exponent: number): Tensor =>
  elementwise("powScalar", [a], exponent);
/** a held within [low, high]. */
export const clamp = (a: Tensor, low: number, high: number): Tensor => {
  if (low > high) throw new ShapeError(`clamp: low ${low} is above high ${high}`);
  return elementwise("clamp", [a], low, high);
};
/** `yes` where condition is not 0, else `no`. */
export const where = (condition: Tensor, yes: Tensor, no: Tensor): Tensor =>
  elementwise("where", [condition, yes, no]);

import { record, tracked } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { empty } from "../tensor/create.js";
import { broadcastShapes, formatShape, type Shape, sameShape, sizeOf } from "../tensor/shape.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { inType } from "./cast.js";
import { asSaved, gemmWeight } from "./precision.js";
import { sumTo } from "./reduce.js";
import { expand } from "./repeat.js";

export interface MatmulOptions {
  /** Read a's last two dimensions as swapped: a is [..., k, m]. */
  transA?: boolean;
  /** Read b's last two dimensions as swapped: b is [..., n, k]. */
  transB?: boolean;
  /** [n], added to every row. */
  bias?: Tensor;
}

const matmulOptions: OptionTable<MatmulOptions> = {
  transA: "boolean",
  transB: "boolean",
  bias: "checked",
};

/**
 * Matrix product [..., m, k] x [..., k, n] -> [..., m, n]. Leading dimensions are batches and
 * broadcast as elementwise operands do. (A side that repeats as a whole does so without a copy.) The
 * result has a's element type.
 */
export function matmul(left: Tensor, right: Tensor, options: MatmulOptions = {}): Tensor {
  checkOptions("matmul", options, matmulOptions);
  const { transA = false, transB = false, bias } = options;
  const [a, b] = withBatches(left, right);
  checkInputs("matmul", bias ? [a, b, bias] : [a, b], "float");
  if (bias) checkInputs("matmul (bias)", [bias]);
  const s = shapeRule(a, b, transA, transB, bias);
  const out = empty(a.device, [...s.batchShape, s.m, s.n], a.dtype, "matmul");
  const weight = gemmWeight(b, out.dtype as FloatType);
  launch(a, weight, bias, out, s.k, transA, transB);
  const inputs = bias ? [a, b, bias] : [a, b];
  const saved = [...(tracked(a) ? [asSaved(b, weight)] : []), ...(tracked(b) ? [a] : [])];
  return record("matmul", out, inputs, saved, (g, sink, needs) => [
    needs(0) ? gradientA(a, weight, g, s.k, transA, transB, () => sink(0)) : undefined,
    needs(1) ? gradientB(a, b, g, transA, transB, () => sink(1)) : undefined,
    needs(2) ? rowSum(g, sink(2)) : undefined,
  ]);
}

function shapeRule(a: Tensor, b: Tensor, transA: boolean, transB: boolean, bias?: Tensor) {
  const both = `${formatShape(a.shape)}${transA ? "^T" : ""} x ${formatShape(b.shape)}${transB ? "^T" : ""}`;
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new ShapeError(`matmul: ${both}: both need rank 2 or more; reshape vectors to matrices`);
  }
  const [m, k] = lastTwo(a.shape, transA);
  const [k2, n] = lastTwo(b.shape, transB);
  if (k !== k2) throw new ShapeError(`matmul: ${both}: inner sizes ${k} and ${k2} differ`);
  if (bias && !sameShape(bias.shape, [n])) {
    throw new ShapeError(`matmul: bias ${formatShape(bias.shape)} must be [${n}]`);
  }
  return { m, n, k, batchShape: batchesOf(a, b) };
}

const batchesOf = (a: Tensor, b: Tensor): Shape =>
  broadcastShapes("matmul (batches)", [a.shape.slice(0, -2), b.shape.slice(0, -2)]);

/** The kernel has one stride for all batches: a side that repeats in part is copied out. */
function withBatches(a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  if (a.shape.length < 2 || b.shape.length < 2) return [a, b];
  const batches = batchesOf(a, b);
  const whole = (x: Tensor): Tensor => {
    const own = sizeOf(x.shape.slice(0, -2));
    return own === 1 || own === sizeOf(batches) ? x : expand(x, [...batches, ...x.shape.slice(-2)]);
  };
  return [whole(a), whole(b)];
}

function lastTwo(shape: Shape, swapped: boolean): [number, number] {
  const [r, c] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  return swapped ? [c, r] : [r, c];
}

function launch(
  a: Tensor,
  b: Tensor,
  bias: Tensor | undefined,
  out: Tensor,
  k: number,
  transA: boolean,
  transB: boolean,
): void {
  if (out.size === 0) return;
  const [m, n] = lastTwo(out.shape, false);
  if (k === 0) {
    out.device.run("fill", { dst: out.slice, value: 0 });
    return;
  }
  const stride = (x: Tensor): number => (sizeOf(x.shape.slice(0, -2)) === 1 ? 0 : matrixSize(x));
  out.device.run("matmul", {
    a: a.slice,
    b: b.slice,
    bias: bias?.slice ?? null,
    out: out.slice,
    batch: sizeOf(out.shape.slice(0, -2)),
    m,
    n,
    k,
    transA,
    transB,
    batchStrideA: stride(a),
    batchStrideB: stride(b),
  });
}

const matrixSize = (x: Tensor): number => (x.shape.at(-2) ?? 1) * (x.shape.at(-1) ?? 1);

/** dA = g B^T, stored as A is: [m, k], or [k, m] = B g^T when A is read transposed. */
function gradientA(
  a: Tensor,
  b: Tensor,
  g: Tensor,
  k: number,
  transA: boolean,
  transB: boolean,
  sink: () => Tensor,
): Tensor {
  const n = g.shape.at(-1) ?? 1;
  const m = g.shape.at(-2) ?? 1;
  const batches = g.shape.slice(0, -2);
  const shape = transA ? [...batches, k, m] : [...batches, m, k];
  const out = sameShape(shape, a.shape) ? sink() : empty(a.device, shape, "f32", "gradient of a");
  if (transA) launch(b, g, undefined, out, n, transB, true);
  else launch(g, b, undefined, out, n, false, !transB);
  return inType(sumTo(out, a.shape), a.dtype as FloatType);
}

/** dB = A^T g, stored as B is: [k, n], or [n, k] = g^T A when B is read transposed. */
function gradientB(
  a: Tensor,
  b: Tensor,
  g: Tensor,
  transA: boolean,
  transB: boolean,
  sink: () => Tensor,
): Tensor {
  const [n, m] = [g.shape.at(-1) ?? 1, g.shape.at(-2) ?? 1];
  const [, k] = lastTwo(a.shape, transA);
  const batches = g.shape.slice(0, -2);
  const shape = transB ? [...batches, n, k] : [...batches, k, n];
  const out = sameShape(shape, b.shape) ? sink() : empty(b.device, shape, "f32", "gradient of b");
  if (transB) launch(g, a, undefined, out, m, true, transA);
  else launch(a, g, undefined, out, m, !transA, false);
  return inType(sumTo(out, b.shape), b.dtype as FloatType);
}

/** Sum over all rows into a vector [n]. */
function rowSum(g: Tensor, out: Tensor): Tensor {
  const n = out.size;
  if (n === 0) return out;
  const reduced = g.size / n;
  if (reduced === 0) g.device.run("fill", { dst: out.slice, value: 0 });
  else {
    g.device.run("reduce", {
      op: "sum",
      x: g.slice,
      out: out.slice,
      outer: 1,
      reduced,
      inner: n,
    });
  }
  return out;
}

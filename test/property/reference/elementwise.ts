import * as ops from "../../../src/ops/elementwise.js";
import type { Tensor } from "../../../src/tensor/tensor.js";
import { margin, type Operation, pointwise } from "./operation.js";

const away = (x: number, ...kinks: number[]): boolean =>
  kinks.every((kink) => Math.abs(x - kink) > margin);

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

const one = (
  name: string,
  apply: (a: Tensor) => Tensor,
  f: (a: number) => number,
  slope: (a: number) => number,
  suits?: (a: number) => boolean,
): Operation => pointwise(name, ([a]) => apply(a as Tensor), f, [slope], suits);

const two = (
  name: string,
  apply: (a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => number,
  slopes: readonly ((a: number, b: number) => number)[],
  suits?: (a: number, b: number) => boolean,
): Operation => pointwise(name, ([a, b]) => apply(a as Tensor, b as Tensor), f, slopes, suits);

/** GELU's inner polynomial in its tanh form and its slope. */
const bend = (x: number): number => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const bendSlope = (x: number): number => Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x ** 2);

export const affine = (scale: number, shift: number): Operation => ({
  ...one(
    "affine",
    (a) => ops.affine(a, scale, shift),
    (a) => scale * a + shift,
    () => scale,
  ),
  label: `affine(${scale}, ${shift})`,
});

export const square = one(
  "square",
  ops.square,
  (a) => a * a,
  (a) => 2 * a,
);
/** Its slope 1 - y^2 cancels where y is near 1. */
export const tanh = one(
  "tanh",
  ops.tanh,
  Math.tanh,
  (a) => 1 - Math.tanh(a) ** 2,
  (a) => Math.abs(a) < 2.5,
);
export const silu = one(
  "silu",
  ops.silu,
  (a) => a * sigmoid(a),
  (a) => sigmoid(a) * (1 + a * (1 - sigmoid(a))),
);
export const relu = one(
  "relu",
  ops.relu,
  (a) => Math.max(a, 0),
  (a) => (a > 0 ? 1 : 0),
  (a) => away(a, 0),
);

/** Those that a network is made of. */
export const smooth: readonly Operation[] = [
  tanh,
  square,
  affine(-0.5, 0.25),
  one(
    "sigmoid",
    ops.sigmoid,
    sigmoid,
    (a) => sigmoid(a) * (1 - sigmoid(a)),
    (a) => Math.abs(a) < 3,
  ),
  one("sin", ops.sin, Math.sin, Math.cos),
];

export const unary: readonly Operation[] = [
  ...smooth,
  relu,
  one(
    "neg",
    ops.neg,
    (a) => -a,
    () => -1,
  ),
  one("abs", ops.abs, Math.abs, Math.sign, (a) => away(a, 0)),
  one("exp", ops.exp, Math.exp, Math.exp, (a) => a < 2),
  one(
    "log",
    ops.log,
    Math.log,
    (a) => 1 / a,
    (a) => a > 0.2,
  ),
  one(
    "sqrt",
    ops.sqrt,
    Math.sqrt,
    (a) => 0.5 / Math.sqrt(a),
    (a) => a > 0.2,
  ),
  one(
    "reciprocal",
    ops.reciprocal,
    (a) => 1 / a,
    (a) => -1 / (a * a),
    (a) => Math.abs(a) > 0.4,
  ),
  one("cos", ops.cos, Math.cos, (a) => -Math.sin(a)),
  silu,
  one(
    "gelu",
    ops.gelu,
    (a) => 0.5 * a * (1 + Math.tanh(bend(a))),
    (a) => 0.5 * (1 + Math.tanh(bend(a)) + a * (1 - Math.tanh(bend(a)) ** 2) * bendSlope(a)),
  ),
  one(
    "leakyRelu",
    (a) => ops.leakyRelu(a, 0.2),
    (a) => (a > 0 ? a : 0.2 * a),
    (a) => (a > 0 ? 1 : 0.2),
    (a) => away(a, 0),
  ),
  one(
    "elu",
    (a) => ops.elu(a),
    (a) => (a > 0 ? a : Math.expm1(a)),
    (a) => (a > 0 ? 1 : Math.exp(a)),
    (a) => a > -2.5,
  ),
  one(
    "powScalar",
    (a) => ops.powScalar(a, 1.5),
    (a) => a ** 1.5,
    (a) => 1.5 * a ** 0.5,
    (a) => a > 0.2,
  ),
  one(
    "clamp",
    (a) => ops.clamp(a, -0.75, 1.25),
    (a) => Math.min(Math.max(a, -0.75), 1.25),
    (a) => (a > -0.75 && a < 1.25 ? 1 : 0),
    (a) => away(a, -0.75, 1.25),
  ),
];

export const add = two("add", ops.add, (a, b) => a + b, [() => 1, () => 1]);
export const mul = two("mul", ops.mul, (a, b) => a * b, [(_, b) => b, (a) => a]);
export const sub = two("sub", ops.sub, (a, b) => a - b, [() => 1, () => -1]);

/** 1 where a < b, else 0. */
export const less: Operation = {
  ...two(
    "less",
    ops.less,
    (a, b) => (a < b ? 1 : 0),
    [],
    (a, b) => away(a, b),
  ),
  cuts: true,
};

export const binary: readonly Operation[] = [
  add,
  mul,
  sub,
  two(
    "div",
    ops.div,
    (a, b) => a / b,
    [(_, b) => 1 / b, (a, b) => -a / (b * b)],
    (_, b) => Math.abs(b) > 0.4,
  ),
  two(
    "maximum",
    ops.maximum,
    Math.max,
    [(a, b) => (a > b ? 1 : 0), (a, b) => (a > b ? 0 : 1)],
    (a, b) => away(a, b),
  ),
  two(
    "minimum",
    ops.minimum,
    Math.min,
    [(a, b) => (a < b ? 1 : 0), (a, b) => (a < b ? 0 : 1)],
    (a, b) => away(a, b),
  ),
  two(
    "pow",
    ops.pow,
    (a, b) => a ** b,
    [(a, b) => b * a ** (b - 1), (a, b) => a ** b * Math.log(a)],
    (a, b) => a > 0.3 && Math.abs(b) < 2,
  ),
  less,
];

/** Of three operands; the condition has no gradient. */
export const where = pointwise(
  "where",
  ([c, yes, no]) => ops.where(c as Tensor, yes as Tensor, no as Tensor),
  (c, yes, no) => (c !== 0 ? (yes ?? 0) : (no ?? 0)),
  [null, (c) => (c !== 0 ? 1 : 0), (c) => (c !== 0 ? 0 : 1)],
);

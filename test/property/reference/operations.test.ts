import { describe, expect, test } from "vitest";
import { Choices } from "../random.js";
import { binary, unary, where } from "./elementwise.js";
import { batchNorm, conv2d, crossEntropy, linearLayer, matmul } from "./layers.js";
import * as moving from "./moving.js";
import type { Operation } from "./operation.js";
import { read, sizeOf, type Value } from "./value.js";

/** An op and the shapes, or values, of inputs that it takes; integers are given. */
type Case = readonly [Operation, ...(readonly number[] | Value)[]];

const integers = (...data: number[]): Value => ({
  shape: [data.length],
  data: Float64Array.from(data),
});

const norm = [[3, 5], [5], [5], [5], [5]] as const;

const cases: readonly Case[] = [
  ...unary.map((op): Case => [op, [3, 4]]),
  ...binary.map((op): Case => [op, [3, 1], [2, 1, 4]]),
  [where, [3, 1], [4], [2, 1, 4]],
  [moving.reshape([4, 3]), [2, 6]],
  [moving.permute([2, 0, 1]), [2, 3, 4]],
  [moving.sum(), [2, 3]],
  [moving.sum({ axes: [0, 2], keepDims: true }), [2, 3, 4]],
  [moving.mean({ axes: [1] }), [2, 3, 4]],
  [moving.max({ axes: [0, 2] }), [2, 3, 4]],
  [moving.maxPool(2, 1, 0), [2, 3, 4, 2]],
  [moving.avgPool(3, 2, 1), [2, 5, 4, 2]],
  [moving.gather, [4, 3], integers(2, 0, 2)],
  [matmul(false, true), [3, 5], [2, 5]],
  [matmul(true, false), [2, 4, 3], [4, 5]],
  [linearLayer, [3, 4], [2, 4], [2]],
  [conv2d(1, 1), [2, 4, 3, 2], [3, 3, 2, 3]],
  [conv2d(2, 0), [1, 5, 6, 2], [2, 2, 2, 3]],
  [batchNorm({ training: true }), ...norm],
  [batchNorm({ training: true, relu: true }), ...norm, [3, 5]],
  [batchNorm({ training: false, relu: true }), ...norm, [3, 5]],
  [crossEntropy(0.1), [3, 4], integers(3, 0, 1)],
];

/** Inputs that suit the op, some of both signs, some positive; those of a condition are 0 or 1. */
function inputsOf([op, ...given]: Case): Value[] {
  for (let attempt = 0; attempt < 200; attempt++) {
    const random = new Choices(5, attempt);
    const [low, high] = attempt % 2 === 0 ? [-1, 1] : [0.45, 1.8];
    const values = given.map((input): Value => {
      if ("data" in input) return input;
      return { shape: input, data: Float64Array.from(random.values(sizeOf(input), low, high)) };
    });
    const [condition] = values;
    if (op === where && condition) condition.data.set(condition.data.map((v) => (v > 0 ? 1 : 0)));
    if (op.suits(values)) return values;
  }
  throw new Error(`${op.label}: no inputs suit`);
}

describe("the property test's reference", () => {
  const named = cases.map((one) => ({ name: one[0].label, one }));
  test.each(named)("$name: its gradients are its slopes", ({ one }) => {
    const [op] = one;
    const x = inputsOf(one);
    const y = op.forward(x);
    const random = new Choices(6, 0);
    const g = { shape: y.shape, data: Float64Array.from(random.values(y.data.length, 0.5, 1.5)) };
    const loss = (): number => op.forward(x).data.reduce((s, v, i) => s + v * read(g, i), 0);
    const gradients = op.backward(g, x, y);
    let largest = 0;
    for (const [k, input] of x.entries()) {
      const slope = gradients[k];
      if (!slope) continue;
      expect(slope.shape).toEqual(input.shape);
      input.data.forEach((v, i) => {
        const h = 1e-5;
        input.data[i] = v + h;
        const above = loss();
        input.data[i] = v - h;
        const numeric = (above - loss()) / (2 * h);
        input.data[i] = v;
        expect(read(slope, i)).toBeCloseTo(numeric, 5);
        largest = Math.max(largest, Math.abs(numeric));
      });
    }
    if (!op.cuts) expect(largest).toBeGreaterThan(0.01);
  });
});

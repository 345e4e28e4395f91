import { describe, expect, test } from "vitest";
import {
  type ElementwiseRow,
  type Expr,
  elementwiseKernels,
  elementwiseOps,
  elementwiseTable,
  evaluate,
  type Name,
  operandsOf,
} from "../../src/device/elementwise.js";
import { at, uniform } from "../support/random.js";

const p = 0.25;
const q = 1.25;
const inputs = ["a", "b", "c"] as const;

const rows = elementwiseOps.map((op) => ({ op, row: elementwiseTable[op] as ElementwiseRow }));
const differentiable = rows.flatMap(({ op, row }) =>
  row.gradients.flatMap((gradient, i) => (gradient ? [{ op, row, gradient, i }] : [])),
);

describe("the elementwise table", () => {
  test.each(rows)("$op has a gradient, or null, for each of its inputs", ({ row }) => {
    const names = operandsOf(row.forward).filter((n) => n !== "y" && n !== "g");
    expect(names).toEqual(inputs.slice(0, row.gradients.length));
  });

  test.each(differentiable)("$op.d$i is the slope of $op", ({ row, gradient, i }) => {
    const [low, high] = row.domain ?? [-2, 2];
    const name = inputs[i] ?? "a";
    const h = 1e-6;
    let checked = 0;
    for (let sample = 0; sample < 200; sample++) {
      const [a, b, c] = [0, 1, 2].map((j) => at(uniform(sample + 1, 3, low, high), j));
      const x = { a: a ?? 0, b: b ?? 0, c: c ?? 0, p, q };
      const at0 = (shift: number): number =>
        evaluate(row.forward, { ...x, [name]: x[name] + shift });
      const left = (at0(0) - at0(-h)) / h;
      const right = (at0(h) - at0(0)) / h;
      if (Math.abs(left - right) > 1e-3 * Math.max(1, Math.abs(left))) continue; // At a kink.
      const slope = (at0(h) - at0(-h)) / (2 * h);
      const got = evaluate(gradient, { ...x, g: 1.5, y: at0(0) });
      expect(got).toBeCloseTo(1.5 * slope, 6);
      checked++;
    }
    expect(checked).toBeGreaterThan(190);
  });

  test.each([
    ["relu", { a: 0 }],
    ["abs", { a: 0 }],
    ["sign", { a: 0 }],
  ] as const)("the gradient of %s at its kink is 0", (op, x) => {
    const gradient: Expr | null = (elementwiseTable[op] as ElementwiseRow).gradients[0] ?? null;
    expect(gradient && evaluate(gradient, { ...x, g: 1.5 })).toBe(0);
  });

  test.each(["maximum", "minimum"] as const)("a tie of %s gives its gradient to a", (op) => {
    const [toA, toB] = (elementwiseTable[op] as ElementwiseRow).gradients;
    expect(toA && evaluate(toA, { a: 0.5, b: 0.5, g: 1.5 })).toBe(1.5);
    expect(toB && evaluate(toB, { a: 0.5, b: 0.5, g: 1.5 })).toBe(0);
  });
});

describe("elementwiseKernels", () => {
  test("has every forward expression and every gradient that is not null", () => {
    const kernels = elementwiseKernels();
    expect(kernels.size).toBe(rows.length + differentiable.length);
    for (const { op, gradient, i } of differentiable) {
      expect(kernels.get(`${op}.d${i as 0 | 1 | 2}`)).toBe(gradient);
    }
  });
});

describe("operandsOf", () => {
  const name = (n: Name): Expr => ({ kind: "name", name: n });

  test("lists each operand once, in the order g, a, b, c, y, and no scalars", () => {
    const e: Expr = {
      kind: "select",
      fn: "lt",
      x: name("y"),
      y: { kind: "binary", fn: "mul", x: name("c"), y: name("p") },
      yes: { kind: "unary", fn: "neg", x: name("c") },
      no: { kind: "binary", fn: "add", x: name("g"), y: name("a") },
    };
    expect(operandsOf(e)).toEqual(["g", "a", "c", "y"]);
  });

  test("evaluate names the operand that is missing", () => {
    expect(() => evaluate(name("b"), { a: 1 })).toThrow(/reads b/);
  });
});

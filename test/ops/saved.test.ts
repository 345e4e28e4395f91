import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import { elementwiseTable } from "../../src/device/elementwise.js";
import { openDevice } from "../../src/device/open.js";
import type { Slice, Storage } from "../../src/device/storage.js";
import { written } from "../../src/device/written.js";
import * as ops from "../../src/ops/index.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { callsIn } from "../support/calls.js";
import { useDevice } from "../support/devices.js";
import { labelsOf, values } from "../support/values.js";

/** What a call reads: every slice in it that the kernel does not write. */
function readsOf(kernel: keyof typeof written, call: object): Slice[] {
  const outputs: readonly string[] = written[kernel];
  const slices = (value: unknown): Slice[] => {
    if (value === null || typeof value !== "object") return [];
    return "storage" in value ? [value as Slice] : Object.values(value).flatMap(slices);
  };
  return Object.entries(call).flatMap(([name, value]) =>
    outputs.includes(name) ? [] : slices(value),
  );
}

describe("an op's backward", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));
  let seed = 0;
  const make = (...shape: number[]): Tensor =>
    tensor(device(), values(shape, ++seed, 0.2, 2), shape).withGrad();
  const integers = (count: number, classes: number): Tensor =>
    tensor(device(), labelsOf(count, classes, ++seed), [count], "u32");
  const norm = (options: Partial<ops.BatchNormOptions>) => (x: Tensor) => {
    const [gamma, beta, runningMean, runningVar] = [make(3), make(3), make(3), make(3)];
    const state = { gamma, beta, runningMean: runningMean.detach(), runningVar };
    return ops.batchNorm(x, state as never, { training: true, ...options });
  };

  const cases: [string, () => Tensor][] = [
    ...Object.entries(elementwiseTable)
      .flatMap(([op, row]) => (row.gradients.some((g) => g) ? [[op, row] as const] : []))
      .map(([op, row]): [string, () => Tensor] => [
        op,
        () => {
          const inputs = row.gradients.map((_, i) => (i === 1 ? make(3) : make(5, 3)));
          return ops.elementwise(op as keyof typeof elementwiseTable, inputs, 0.3, 1.4);
        },
      ]),
    ["matmul", () => ops.matmul(make(4, 3), make(3, 5), { bias: make(5) })],
    [
      "matmul, transposed",
      () => ops.matmul(make(2, 3, 4), make(5, 3), { transA: true, transB: true }),
    ],
    ["conv2d", () => ops.conv2d(make(2, 5, 4, 3), make(3, 3, 3, 2), { padding: 1 })],
    ["batchNorm", () => norm({})(make(7, 3))],
    ["batchNorm, fused", () => norm({ relu: true, residual: make(7, 3) })(make(7, 3))],
    ["batchNorm, evaluation", () => norm({ training: false, relu: true })(make(7, 3))],
    ["maxPool2d", () => ops.maxPool2d(make(1, 6, 5, 3), 2)],
    ["avgPool2d", () => ops.avgPool2d(make(1, 6, 5, 3), [3, 2])],
    ["globalAvgPool", () => ops.globalAvgPool(make(2, 3, 5, 3))],
    ["crossEntropy", () => ops.crossEntropy(make(5, 4), integers(5, 4))],
    ["gather", () => ops.gather(make(6, 3), integers(4, 6))],
    ["sum", () => ops.sum(make(4, 3, 2), [0, 2])],
    ["mean", () => ops.mean(make(4, 3), [1])],
    ["max", () => ops.max(make(4, 3), [0])],
    ["reshape", () => ops.reshape(make(4, 3), [2, 6])],
    ["permute", () => ops.permute(make(4, 3, 2), [2, 0, 1])],
  ];

  it.each(cases)("reads nothing that it has not saved: %s", (_, run) => {
    using scope = device().scope();
    const out = run();
    const wanted: Tensor[] = [];
    const saved = new Set<Storage>();
    const visit = (x: Tensor): void => {
      if (!x.node) wanted.push(x);
      for (const { tensor: kept } of x.node?.saved ?? []) saved.add(kept.slice.storage);
      for (const input of x.node?.inputs ?? []) if (input) visit(input);
    };
    visit(out);
    const loss = ops.sum(out);
    const allocate = device().allocate;
    const made = new Set<Storage>();
    device().allocate = (...args) => {
      const storage = allocate.apply(device(), args);
      made.add(storage);
      return storage;
    };
    const calls = callsIn(device(), () => gradients(loss, wanted));
    device().allocate = allocate;
    const read = calls.flatMap(({ kernel, call }) => readsOf(kernel, call));
    const foreign = read.filter(({ storage }) => !made.has(storage) && !saved.has(storage));
    expect(foreign.map(({ storage }) => storage.label)).toEqual([]);
    expect(read.length).toBeGreaterThan(0);
    expect(scope).toBeDefined();
  });
});

import { expect, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import type { ElementwiseOp } from "../../src/device/elementwise.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import {
  clamp,
  elementwise,
  elu,
  leakyRelu,
  mul,
  powScalar,
  where,
} from "../../src/ops/elementwise.js";
import { reshape } from "../../src/ops/layout.js";
import { maxPool2d } from "../../src/ops/pool2d.js";
import { argmax, max, sum } from "../../src/ops/reduce.js";
import { full, tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { exact, expectClose, maxRelative } from "../support/compare.js";
import { describeOnDevices } from "../support/devices.js";
import { operationFixtures, unpack } from "../support/fixtures.js";

type Op = (...inputs: Tensor[]) => Tensor;

/** Our names for PyTorch's operations, with the fixture's settings. */
function opNamed(name: string): Op {
  const [op = "", setting] = name.split(" ");
  const value = setting === "inf" ? Number.POSITIVE_INFINITY : Number(setting);
  const table: Record<string, Op> = {
    leakyRelu: (x) => leakyRelu(x as Tensor, 0.25),
    elu: (x) => elu(x as Tensor, 0.5),
    clamp: (x) => clamp(x as Tensor, -1, 2.5),
    powScalar: (x) => powScalar(x as Tensor, value),
    where: (x, y) => where(x as Tensor, y as Tensor, full((x as Tensor).device, [], 7)),
    max: (x) => max(x as Tensor),
    argmax: (x) => argmax(x as Tensor),
    maxPool2d: (x) => maxPool2d(reshape(x as Tensor, [1, 4, 3, 1]), 2, { stride: 1 }),
    crossEntropy: (x) => {
      const labels = tensor((x as Tensor).device, [1, 1, 1, 1, 1, 1, 1], [7], "u32");
      const options = { reduction: "none", labelSmoothing: value } as const;
      return crossEntropy(x as Tensor, labels, options);
    },
  };
  return table[op] ?? ((...inputs) => elementwise(op as ElementwiseOp, inputs));
}

describeOnDevices("NaN and infinities as in PyTorch", (device) => {
  it.each(operationFixtures().special)("$name $shape", async (fixture) => {
    using _ = device().scope();
    const { name, inputs, shape, out, grads } = fixture;
    const leaves = inputs.map((x) => tensor(device(), unpack(x), shape));
    if (grads.length > 0) for (const leaf of leaves) leaf.withGrad();
    const y = opNamed(name)(...leaves);
    const half = full(device(), [], 1.5);
    const found = grads.length > 0 ? gradients(sum(mul(y, half)), leaves) : [];
    const values = y.dtype === "u32" ? await y.readIntegers() : await y.read();
    const bar = /^(pow|exp|tanh|sig|silu|gelu|elu|cross)/.test(name) ? maxRelative : exact;
    expectClose(name, Float64Array.from(values), unpack(out), bar);
    expect(found.length).toBe(grads.length);
    const [a, b] = inputs.map(unpack);
    // PyTorch halves the gradient of a tie, this library gives it to the first.
    const ties = /^(maximum|minimum)$/.test(name) ? a?.map((x, i) => Number(x === b?.[i])) : null;
    for (const [i, gradient] of found.entries()) {
      const untied = (x: ArrayLike<number>) =>
        Float64Array.from(x).map((g, k) => (ties?.[k] ? 0 : g));
      const want = unpack(grads[i] ?? "");
      expectClose(`${name}.d${i}`, untied(await gradient.read()), untied(want), bar);
    }
  });
});

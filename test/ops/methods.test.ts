import { expect, expectTypeOf, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import * as ops from "../../src/ops/index.js";
import { tensor } from "../../src/tensor/create.js";
import { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices } from "../support/devices.js";
import { values } from "../support/values.js";

describeOnDevices("ops as methods", (device) => {
  it("are the ops, with their gradients", async () => {
    using _ = device().scope();
    const x = tensor(device(), values([3, 5], 1), [3, 5]).withGrad();
    const y = tensor(device(), values([5], 2), [5]);
    const chained = x.mul(2).add(y).relu().reshape([5, 3]).sum([1]);
    const called = ops.sum(ops.reshape(ops.relu(ops.add(ops.mul(x, 2), y)), [5, 3]), [1]);
    expect(await chained.read()).toEqual(await called.read());
    const [one] = gradients(chained.sum(), [x]);
    const [other] = gradients(ops.sum(called), [x]);
    expect(await one?.read()).toEqual(await other?.read());
    const { values: top, indices } = x.topk(2);
    expect([top.shape, indices.dtype]).toEqual([[3, 2], "u32"]);
    expect(() => x.reshape([4, 4])).toThrow(ops.reshape.name);
  });

  it("put a tensor on another device, and leave one that is there", async () => {
    const other = await openCpuDevice({ threads: 1 });
    try {
      using _ = device().scope();
      const x = tensor(device(), values([3, 5], 1), [3, 5]);
      const index = tensor(device(), Uint32Array.of(4_000_000_000, 1, 7), [3], "u32");
      using _other = other.scope();
      const [moved, words] = [await x.to(other), await index.to(other)];
      expect([moved.device, moved.shape, moved.requiresGrad]).toEqual([other, [3, 5], false]);
      expect(await moved.read()).toEqual(await x.read());
      expect(await words.readIntegers()).toEqual(await index.readIntegers());
      expect(await x.to(device())).toBe(x);
    } finally {
      await other.destroy();
    }
  });
});

it("of one tensor at least are methods, but for names that mean something else", () => {
  expectTypeOf<Tensor["add"]>().toEqualTypeOf<(b: ops.Operand) => Tensor>();
  const own = Object.getOwnPropertyNames(Tensor.prototype);
  const asked = ["add", "sub", "mul", "div", "matmul", "reshape", "sum", "mean", "max", "to"];
  expect(own).toEqual(expect.arrayContaining(asked));
  // Memory, not a part: see TensorMethods.
  expect(own).not.toContain("slice");
});

import { describe, expect, it } from "vitest";
import { backward, gradients, noGrad } from "../../src/autograd/tape.js";
import { GradientError, ReleasedError, ShapeError } from "../../src/device/errors.js";
import { openDevice } from "../../src/device/open.js";
import { add, affine, less, mul, square, where } from "../../src/ops/elementwise.js";
import { reshape } from "../../src/ops/layout.js";
import { sum } from "../../src/ops/reduce.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { callsIn } from "../support/calls.js";
import { useDevice } from "../support/devices.js";
import { floats } from "../support/floats.js";
import { tinyModel } from "../support/tiny.js";
import { values } from "../support/values.js";

describe("gradients", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));
  const leaf = (numbers: readonly number[]): Tensor => tensor(device(), numbers).withGrad();

  it("are computed along what leads to `wrt` only: no weight's gradient for the input's", () => {
    using _ = device().scope();
    const { model, placement } = tinyModel(device());
    const images = tensor(device(), values([2, 9, 9, 4], 3), [2, 9, 9, 4]).withGrad();
    const loss = sum(square(model.forward(images)));
    const count = (wrt: readonly Tensor[]) => {
      const calls = callsIn(device(), () => gradients(loss, wrt)).map(({ kernel }) => kernel);
      return (kernel: string) => calls.filter((name) => name === kernel).length;
    };
    const convolutions = 20; // 17 of 3x3 and 3 projections
    const toInput = count([images]);
    expect(toInput("conv2dWeightGrad")).toBe(0);
    expect(toInput("conv2dInputGrad")).toBe(convolutions);
    expect(toInput("matmul")).toBe(1);
    expect(toInput("batchNormBackward")).toBe(convolutions);
    const toHead = count([model.linear.weight.value]);
    expect(toHead("matmul")).toBe(1);
    expect(toHead("batchNormBackward") + toHead("conv2dInputGrad")).toBe(0);
    const toAll = count(model.parameters().map(([, p]) => p.value));
    expect(toAll("conv2dWeightGrad")).toBe(convolutions);
    expect(toAll("conv2dInputGrad")).toBe(convolutions - 1); // an image's is nobody's
    placement.release();
  });

  it("stop at an inner tensor, and leave every grad alone", async () => {
    using _ = device().scope();
    const [x, y] = [leaf([1, 2, 3]), leaf([2, 1, 5])];
    backward(sum(mul(x, y)));
    const inner = square(x);
    const loss = sum(mul(inner, y));
    const calls = callsIn(device(), () => gradients(loss, [inner]));
    expect(calls.length).toBe(3); // the seed, the sum's and one factor's
    expect(await floats(gradients(loss, [inner])[0])).toEqual([2, 1, 5]);
    expect(await floats(x.grad)).toEqual([2, 1, 5]);
    expect(await floats(y.grad)).toEqual([1, 2, 3]);
  });

  it("have memory of their own each, where an op passes one on to several inputs", async () => {
    using _ = device().scope();
    const [x, y] = [leaf([1, 2, 3]), leaf([2, 1, 5])];
    const loss = sum(add(x, reshape(y, [3])));
    const [dx, dy] = gradients(loss, [x, y]) as [Tensor, Tensor];
    dx.write([7, 7, 7]);
    dx.release();
    expect(await floats(dy)).toEqual([1, 1, 1]);
    backward(loss);
    backward(sum(x), { accumulate: true });
    expect(await floats(x.grad)).toEqual([2, 2, 2]);
    expect(await floats(y.grad)).toEqual([1, 1, 1]);
  });

  it("need withGrad before the forward pass", () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2, 3]);
    const loss = sum(mul(x, leaf([3, 2, 1])));
    x.withGrad();
    expect(() => gradients(loss, [x])).toThrow(GradientError);
    expect(() => gradients(loss, [x])).toThrow(
      /depend on input 0 \[3\] through.*call withGrad\(\)/,
    );
    backward(loss);
    expect(x.grad).toBeUndefined();
    expect(() => backward(sum(x.detach()))).toThrow(/before the forward pass/);
  });

  it("do not come through a comparison, and say so", () => {
    using _ = device().scope();
    const [x, y] = [leaf([1, 2, 3]), leaf([2, 1, 5])];
    expect(() => backward(sum(less(x, y)))).toThrow(/depends on nothing/);
    expect(() => gradients(sum(where(less(x, y), y, affine(y, 2))), [x])).toThrow(GradientError);
  });

  it("pass over a leaf whose gradient is no longer wanted", async () => {
    using _ = device().scope();
    const [x, y] = [leaf([1, 2, 3]), leaf([2, 1, 5])];
    const loss = sum(mul(x, y));
    x.requiresGrad = false;
    backward(loss);
    expect(x.grad).toBeUndefined();
    expect(await floats(y.grad)).toEqual([1, 2, 3]);
  });

  it("are of leaves and of floats: requiresGrad says so", () => {
    using _ = device().scope();
    const y = square(leaf([1, 2, 3]));
    expect(() => y.withGrad()).toThrow(GradientError);
    expect(() => y.withGrad()).toThrow(/the result of square, not a leaf; gradients\(loss/);
    expect(() => {
      y.requiresGrad = false;
    }).toThrow(/detach\(\) cuts the graph/);
    const integers = tensor(device(), [1, 2], [2], "u32");
    expect(() => integers.withGrad()).toThrow(/u32; integers have no gradient/);
  });

  it("are none after a backward pass that failed on its way", () => {
    using _ = device().scope();
    const [x, y] = [leaf([1, 2, 3]), leaf([2, 1, 5])];
    const loss = () => sum(mul(square(x), y));
    backward(loss());
    const run = device().run;
    let left = 5;
    device().run = (kernel, call) => {
      if (left-- === 0) throw new Error("the device is full");
      run.call(device(), kernel, call);
    };
    expect(() => backward(loss(), { accumulate: true })).toThrow("the device is full");
    device().run = run;
    expect([x.grad, y.grad]).toEqual([undefined, undefined]);
  });

  it("can be assigned, and are checked and copied like any", async () => {
    using _ = device().scope();
    const { model, placement } = tinyModel(device());
    const bias = model.linear.bias?.value as Tensor;
    const given = tensor(device(), [1, 2, 3]);
    bias.grad = given;
    given.write([0, 0, 0]);
    expect(await floats(bias.grad)).toEqual([1, 2, 3]);
    bias.grad = undefined;
    expect(bias.grad).toBeUndefined();
    expect(() => {
      bias.grad = tensor(device(), [1, 2]);
    }).toThrow(ShapeError);
    given.release();
    expect(() => {
      bias.grad = given;
    }).toThrow(ReleasedError);
    placement.release();
  });

  it("are added to where they are, whatever scope adds", async () => {
    using _ = device().scope();
    const x = leaf([1, 2, 3]);
    backward(sum(square(x)));
    const inner = device().scope();
    backward(sum(square(x)), { accumulate: true });
    inner[Symbol.dispose]();
    expect(await floats(x.grad)).toEqual([4, 8, 12]);
    const given = tensor(device(), [1, 1, 1]);
    x.grad = given;
    backward(sum(x), { accumulate: true });
    expect([await floats(x.grad), await floats(given)]).toEqual([
      [2, 2, 2],
      [1, 1, 1],
    ]);
  });

  it("that were released are not added to", () => {
    using _ = device().scope();
    const x = leaf([1, 2, 3]);
    const inner = device().scope();
    backward(sum(square(x)));
    inner[Symbol.dispose]();
    expect(() => backward(sum(square(x)), { accumulate: true })).toThrow(ReleasedError);
  });

  it("belong to the loss's device: a backward on another leaves them", async () => {
    const other = await openDevice({ kind: "cpu", threads: 1 });
    using _ = device().scope();
    const x = leaf([1, 2, 3]);
    backward(sum(square(x)));
    const far = tensor(other, [5, 7]).withGrad();
    backward(sum(square(far)));
    expect(await floats(far.grad)).toEqual([10, 14]);
    expect(await floats(x.grad)).toEqual([2, 4, 6]);
    expect(() => {
      x.grad = tensor(other, [1, 2, 3]);
    }).toThrow(ShapeError);
    expect(() => gradients(sum(square(x)), [far])).toThrow(/does not depend on input 0/);
    await other.destroy();
  });
});

describe("noGrad", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("refuses an asynchronous body, which it would not reach, and records afterwards", () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2]).withGrad();
    const wait = async () => {
      await Promise.resolve();
      throw new Error("nobody hears this");
    };
    expect(() => noGrad(wait)).toThrow(TypeError);
    expect(() => noGrad(() => affine(x, 2).read())).toThrow(/noGrad: its body must not be async/);
    expect(() => device().capture(wait)).toThrow(/capture: its body must not be asynchronous/);
    expect(square(x).node?.name).toBe("square");
    const done = device().capture(() => {});
    done.replay();
    done.release();
  });
});

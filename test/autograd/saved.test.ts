import { describe, expect, it } from "vitest";
import { backward, gradients, noGrad } from "../../src/autograd/tape.js";
import { GradientError, ReleasedError } from "../../src/device/errors.js";
import { openDevice } from "../../src/device/open.js";
import { BatchNorm2d, Linear } from "../../src/nn/layers.js";
import { Sequential } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import { add, affine, mul, square } from "../../src/ops/elementwise.js";
import { sum } from "../../src/ops/reduce.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { floats } from "../support/floats.js";
import { values } from "../support/values.js";

describe("what the forward pass saved", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));
  const leaf = (numbers: readonly number[]): Tensor => tensor(device(), numbers).withGrad();

  it("must not have been released", () => {
    using _ = device().scope();
    const w = leaf([1, 2, 3, 4]);
    const x = tensor(device(), [2, 4, 6, 8]);
    const loss = sum(mul(w, x));
    x.release();
    for (let i = 0; i < 4; i++) tensor(device(), [800, 1200, 800, 1200]);
    expect(() => backward(loss)).toThrow(ReleasedError);
    expect(() => backward(loss)).toThrow(
      /^backward: mul needs a tensor of shape \[4\] \("tensor \[4\]"\), which was released after/,
    );
    expect(() => gradients(loss, [w])).toThrow(ReleasedError);
    expect(w.grad).toBeUndefined();
  });

  it("must not have been in a scope that ended", () => {
    using _ = device().scope();
    const w = leaf([1, 2, 3]);
    const inner = device().scope();
    const x = affine(tensor(device(), [2, 4, 6]), 3);
    const loss = sum(mul(w, x)).keep();
    inner[Symbol.dispose]();
    expect(() => backward(loss)).toThrow(ReleasedError);
    expect(() => backward(loss)).toThrow(/mul needs .*"affine \[3\]"/);
    loss.release();
  });

  it.each<[string, (x: Tensor) => void]>([
    ["write", (x) => x.write([9, 9, 9])],
    ["a kernel", (x) => x.device.run("fill", { dst: x.slice, value: 9 })],
    [
      "the write of a part, through another view",
      (x) => x.device.write({ ...x.slice, length: 1 }, Float32Array.of(9)),
    ],
  ])("must not have been overwritten by %s", (_, overwrite) => {
    using scope = device().scope();
    const w = leaf([1, 2, 3]);
    const x = tensor(device(), [2, 4, 6]);
    const [loss, other] = [sum(mul(w, x)), sum(add(w, x))];
    overwrite(x.detach());
    expect(() => backward(loss)).toThrow(GradientError);
    expect(() => backward(loss)).toThrow(
      /^backward: mul needs a tensor of shape \[3\] \("tensor \[3\]"\), which was overwritten after/,
    );
    // A sum's gradient does not depend on its operands.
    backward(other);
    expect(scope).toBeDefined();
  });

  it("is checked before any gradient is written", async () => {
    using _ = device().scope();
    const [w, v] = [leaf([1, 2, 3]), leaf([3, 2, 1])];
    backward(sum(mul(w, v)));
    const x = tensor(device(), [2, 4, 6]);
    const loss = add(sum(mul(w, x)), sum(square(v)));
    x.write([1, 1, 1]);
    expect(() => backward(loss)).toThrow(GradientError);
    expect(await floats(w.grad)).toEqual([3, 2, 1]);
    expect(await floats(v.grad)).toEqual([1, 2, 3]);
  });

  it("is what it was at the forward pass, not earlier: written before, it serves", async () => {
    using _ = device().scope();
    const w = leaf([1, 2, 3]);
    const x = tensor(device(), [2, 4, 6]);
    x.write([5, 7, 9]);
    const loss = sum(mul(w, x));
    backward(loss);
    expect(await floats(w.grad)).toEqual([5, 7, 9]);
  });

  it("may be anything that no gradient is computed from", async () => {
    using _ = device().scope();
    const x = tensor(device(), [2, 4, 6]);
    const w = leaf([1, 2, 3]);
    const loss = sum(mul(x, w));
    w.write([7, 7, 7]); // only needed for x's gradient, which nobody wants
    backward(loss);
    expect(await floats(w.grad)).toEqual([2, 4, 6]);
  });

  /** Two linear layers; a step on the first while the second's graph waits. */
  function network() {
    const net = new Sequential(new Linear(3, 5), new Linear(5, 2));
    const placement = place(net, device(), { seed: 3 });
    const [first, second] = net.children().map(([, child]) => child) as [Linear, Linear];
    return { net, placement, first, second };
  }

  it("must not have been changed by a step or by loadStateDict; other parameters may", async () => {
    using _ = device().scope();
    const { net, placement, first, second } = network();
    const optimizer = new SGD(net, { lr: 0.1 });
    const x = tensor(device(), values([4, 5], 1), [4, 5]);
    const onSecond = () => sum(square(second.forward(x)));
    let waiting = onSecond();
    backward(sum(square(first.forward(tensor(device(), values([4, 3], 2), [4, 3])))));
    optimizer.step(); // moves the first layer only, which lies in the same storage
    backward(waiting);
    optimizer.step();
    expect(() => backward(waiting)).not.toThrow(); // saves its input, not the weight
    waiting = sum(square(second.forward(x.withGrad())));
    backward(waiting);
    optimizer.step();
    expect(() => backward(waiting)).toThrow(/matmul needs .*the model's parameters.*overwritten/);
    waiting = sum(square(second.forward(x)));
    loadStateDict(net, await stateDict(net));
    expect(() => backward(waiting)).toThrow(GradientError);
    optimizer.release();
    placement.release();
  });

  it("holds batch norm's statistics as they were in evaluation mode", async () => {
    using _ = device().scope();
    const norm = new BatchNorm2d(3);
    const placement = place(norm, device(), { seed: 1 });
    const x = tensor(device(), values([7, 3], 4), [7, 3]).withGrad();
    const loss = () => sum(square(norm.eval().forward(x)));
    const [alone] = gradients(loss(), [x]);
    const waiting = loss();
    noGrad(() => norm.train().forward(tensor(device(), values([9, 3], 5, 3, 4), [9, 3])));
    const [later] = gradients(waiting, [x]);
    expect(await floats(later)).toEqual(await floats(alone));
    expect(await floats(gradients(loss(), [x])[0])).not.toEqual(await floats(alone));
    placement.release();
  });
});

describeOnDevices("what a recording saved", (device) => {
  it("is checked at its replays", async () => {
    using _ = device().scope();
    const w = tensor(device(), [1, 2, 3]).withGrad();
    const x = tensor(device(), [2, 4, 6]);
    const loss = sum(mul(w, x));
    const recording = device().capture(() => backward(loss));
    recording.replay();
    expect(await floats(w.grad)).toEqual([2, 4, 6]);
    x.write([1, 1, 1]);
    expect(() => recording.replay()).toThrow(/mul needs .*overwritten/);
    recording.release();
  });

  it("is saved anew by every replay", async () => {
    using _ = device().scope();
    const w = tensor(device(), [1, 2, 3]).withGrad();
    const x = tensor(device(), [2, 4, 6]);
    let loss = x;
    const forward = device().capture(() => {
      loss = sum(mul(w, x));
    });
    const slopes: (number[] | undefined)[] = [];
    for (const by of [1, 2, 3]) {
      x.write([by, 2 * by, 3 * by]);
      forward.replay();
      backward(loss);
      slopes.push(await floats(w.grad));
    }
    expect(slopes).toEqual([
      [1, 2, 3],
      [2, 4, 6],
      [3, 6, 9],
    ]);
    x.write([0, 1, 0]);
    expect(() => backward(loss)).toThrow(/mul needs .*overwritten/);
    forward.release();
  });

  it("is checked against replays that overwrite it, and only against replays", async () => {
    using _ = device().scope();
    const w = tensor(device(), [1, 2, 3]).withGrad();
    const x = tensor(device(), [2, 4, 6]);
    const overwrite = device().capture(() => device().run("fill", { dst: x.slice, value: 5 }));
    const loss = () => sum(mul(w, x));
    let waiting = loss();
    device()
      .capture(() => device().run("fill", { dst: x.slice, value: 5 }))
      .release();
    backward(waiting);
    expect(await floats(w.grad)).toEqual([2, 4, 6]);
    waiting = loss();
    overwrite.replay();
    expect(() => backward(waiting)).toThrow(/mul needs .*overwritten/);
    const tooLate = () => {
      const inside = loss();
      device().run("fill", { dst: x.slice, value: 7 });
      backward(inside);
    };
    expect(() => device().capture(tooLate)).toThrow(/mul needs .*overwritten/);
    overwrite.release();
  });

  it("does not replay on memory that was released", () => {
    using _ = device().scope();
    const x = tensor(device(), [2, 4, 6]);
    const y = tensor(device(), [0, 0, 0]);
    const recording = device().capture(() => device().run("copy", { src: x.slice, dst: y.slice }));
    recording.replay();
    x.release();
    const next = tensor(device(), [7, 7, 7]);
    expect(() => recording.replay()).toThrow(ReleasedError);
    expect(() => recording.replay()).toThrow(/after "tensor \[3\]", which it uses, had been/);
    expect(next.live).toBe(true);
    recording.release();
    expect(() => recording.release()).toThrow(ReleasedError);
    expect(() => recording.replay()).toThrow(ReleasedError);
  });
});

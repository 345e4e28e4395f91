import { expect, it } from "vitest";
import { noGrad } from "../../src/autograd/tape.js";
import {
  BatchNorm2d,
  Conv2d,
  convNorm,
  FoldedNorms,
  Module,
  place,
  Sequential,
} from "../../src/nn/index.js";
import { conv2dInference } from "../../src/ops/conv2d.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { normRelativeError } from "../support/compare.js";
import { describeOnDevices } from "../support/devices.js";
import { tinyModel } from "../support/tiny.js";
import { values } from "../support/values.js";

/** A strided convolution with a bias, then a norm. */
class Pair extends Module {
  readonly conv = new Conv2d(5, 7, 3, { stride: 2, padding: 1 });
  readonly norm = new BatchNorm2d(7);

  forward(x: Tensor): Tensor {
    return convNorm(this.conv, this.norm, x, { relu: true });
  }
}

const error = (got: Float32Array, wanted: Float32Array): number =>
  normRelativeError(Float64Array.from(got), Float64Array.from(wanted));

describeOnDevices("folded batch norms", (device) => {
  const images = (shape: readonly number[]): Tensor =>
    tensor(device(), values(shape, 3), shape).keep();

  it("change a ResNet's logits by rounding alone", async () => {
    const { model, placement } = tinyModel(device());
    const x = images([3, 9, 11, 4]);
    {
      // Training passes move the running statistics away from 0 and 1.
      using _ = device().scope();
      for (let i = 0; i < 3; i++) noGrad(() => model.train().forward(x));
    }
    model.eval();
    const folded = new FoldedNorms();
    using _ = device().scope();
    const single = await noGrad(() => model.forward(x)).read();
    const inOne = await folded.run(() => model.forward(x)).read();
    expect(Math.max(...single.map(Math.abs))).toBeGreaterThan(0.01);
    expect(error(inOne, single)).toBeLessThan(2e-5);
    const again = await folded.run(() => model.forward(x)).read();
    expect(again).toEqual(inOne);
    folded.release();
    x.release();
    placement.release();
  });

  it("fold the convolution's bias too, and stay as they were when first met", async () => {
    const model = new Pair();
    const placement = place(model, device(), { seed: 5 });
    const x = images([2, 7, 9, 5]);
    using _ = device().scope();
    noGrad(() => model.train().forward(x));
    model.eval();
    const before = await noGrad(() => model.forward(x)).read();
    using folded = new FoldedNorms();
    expect(error(await folded.run(() => model.forward(x)).read(), before)).toBeLessThan(1e-6);
    const gamma = await model.norm.weight.value.read();
    model.norm.weight.value.write(gamma.map((g) => 3 * g));
    expect(error(await folded.run(() => model.forward(x)).read(), before)).toBeLessThan(1e-6);
    using anew = new FoldedNorms();
    const after = await noGrad(() => model.forward(x)).read();
    expect(error(await anew.run(() => model.forward(x)).read(), after)).toBeLessThan(1e-6);
    expect(error(after, before)).toBeGreaterThan(0.5);
    x.release();
    placement.release();
  });

  it("are those of the pair: one convolution under two norms, one norm over two", async () => {
    const model = new Pair();
    const other = Object.assign(new Pair(), { conv: model.conv });
    const third = Object.assign(new Pair(), { norm: other.norm });
    const placement = place(new Sequential(model, other, third), device(), { seed: 5 });
    const gamma = other.norm.weight.value;
    gamma.write(values(gamma.shape, 6));
    const x = images([2, 7, 9, 5]);
    using _ = device().scope();
    using folded = new FoldedNorms();
    for (const pair of [model, other, third]) {
      const single = await noGrad(() => pair.eval().forward(x)).read();
      const inOne = await folded.run(() => pair.forward(x)).read();
      expect(error(inOne, single)).toBeLessThan(1e-6);
    }
    x.release();
    placement.release();
  });

  it("leave a norm in training mode alone, and give their memory back", async () => {
    const { model, placement } = tinyModel(device(), 2);
    const x = images([3, 9, 9, 4]);
    const inUse = device().counters.bytesInUse;
    {
      using _ = device().scope();
      using folded = new FoldedNorms();
      const tracked = model.bn1.batchesTracked;
      folded.run(() => model.train().forward(x));
      expect(model.bn1.batchesTracked).toBe(tracked + 1);
      folded.run(() => model.eval().forward(x));
      expect(device().counters.bytesInUse).toBeGreaterThan(inUse);
    }
    expect(device().counters.bytesInUse).toBe(inUse);
    x.release();
    placement.release();
  });

  it("are refused where a gradient would be lost, or shapes do not fit", () => {
    using _ = device().scope();
    const of = (shape: readonly number[]): Tensor => tensor(device(), values(shape, 1), shape);
    const [x, w, bias] = [of([1, 5, 5, 3]), of([3, 3, 3, 2]), of([2])];
    const tracked = of([3, 3, 3, 2]).withGrad();
    expect(() => conv2dInference(x, tracked, bias)).toThrow(/no gradient: call it within noGrad/);
    expect(() => conv2dInference(x, w, of([3]))).toThrow(/the bias \[3\] must be \[2\]/);
    const residual = of([1, 5, 5, 2]);
    expect(() => conv2dInference(x, w, bias, { residual })).toThrow(
      /the residual \[1, 5, 5, 2\] must be \[1, 3, 3, 2\]/,
    );
  });
});

import { expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import type { Device } from "../../src/device/device.js";
import { Linear } from "../../src/nn/layers.js";
import { type Placement, place } from "../../src/nn/place.js";
import { mul } from "../../src/ops/elementwise.js";
import { mean } from "../../src/ops/reduce.js";
import { Adam } from "../../src/optim/adam.js";
import { LossScaler } from "../../src/optim/loss-scaler.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices } from "../support/devices.js";
import { optimizers } from "../support/optimizers.js";
import { values } from "../support/values.js";

/** A linear layer and a loss that a factor makes overflow. */
class Setup {
  readonly layer = new Linear(7, 5);
  readonly placement: Placement;
  readonly optimizer: Optimizer;
  readonly factor: Tensor;

  constructor(
    readonly device: Device,
    make: (layer: Linear) => Optimizer = (layer) => new SGD(layer, { lr: 0.1 }),
  ) {
    this.placement = place(this.layer, device, { seed: 3 });
    this.optimizer = make(this.layer);
    this.factor = tensor(device, [1]).keep();
  }

  step(scaler?: LossScaler): void {
    using _ = this.device.scope();
    const x = tensor(this.device, values([11, 7], 5), [11, 7]);
    const y = this.layer.forward(x);
    const loss = mean(mul(mul(y, y), this.factor));
    backward(scaler ? scaler.scale(loss) : loss);
    this.optimizer.step(scaler);
  }

  async weights(): Promise<Float32Array> {
    return new Float32Array(await this.device.read(this.placement.values));
  }

  release(): void {
    this.optimizer.release();
    this.factor.release();
    this.placement.release();
  }
}

describeOnDevices("LossScaler", (device) => {
  // Its factors are powers of two.
  it.each(optimizers)("changes nothing in f32: $name", async ({ make }) => {
    const [plain, scaled] = [new Setup(device(), make), new Setup(device(), make)];
    const scaler = new LossScaler(device());
    for (let i = 0; i < 3; i++) {
      plain.step();
      scaled.step(scaler);
    }
    expect(await scaled.weights()).toEqual(await plain.weights());
    expect(await scaler.read()).toEqual({ scale: 65536, goodSteps: 3, skippedSteps: 0 });
    for (const made of [plain, scaled, scaler]) made.release();
  });

  it.each(optimizers)("skips what overflows, state included: $name", async ({ make }) => {
    const [plain, scaled] = [new Setup(device(), make), new Setup(device(), make)];
    const scaler = new LossScaler(device());
    plain.step();
    scaled.step(scaler);
    const before = await scaled.weights();
    scaled.factor.write([1e35]); // finite by itself, infinite once it is scaled
    scaled.step(scaler);
    scaled.step(scaler);
    expect(await scaled.weights()).toEqual(before);
    expect(await scaler.read()).toEqual({ scale: 16384, goodSteps: 0, skippedSteps: 2 });
    scaled.factor.write([1]);
    plain.step();
    scaled.step(scaler);
    expect(await scaled.weights()).toEqual(await plain.weights());
    expect(await scaled.optimizer.save()).toEqual(await plain.optimizer.save());
    expect(await scaler.read()).toEqual({ scale: 16384, goodSteps: 1, skippedSteps: 2 });
    for (const made of [plain, scaled, scaler]) made.release();
  });

  it.each([
    { name: "SGD", make: (layer: Linear) => new SGD(layer, { lr: 0.1 }), step: 0.2 },
    // The first step's size is the rate, if the skipped one has not been counted.
    { name: "Adam", make: (layer: Linear) => new Adam(layer, { lr: 0.1 }), step: 0.1 },
  ])("is skipped as a whole when one of two stretches overflows: $name", async ({ make, step }) => {
    const made = new Setup(device());
    made.layer.weight.trainable = false;
    made.optimizer.release();
    const optimizer = make(made.layer);
    const scaler = new LossScaler(device(), { scale: 8 });
    const before = await made.weights();
    const bias = made.layer.bias?.value as Tensor;
    using _ = device().scope();
    bias.grad = tensor(device(), [0, 0, Number.NaN, 0, 0]);
    optimizer.step(scaler);
    expect(await made.weights()).toEqual(before);
    bias.grad = tensor(device(), [8, 8, 8, 8, 8]);
    optimizer.step(scaler); // at scale 4: a gradient of 2
    const after = await made.weights();
    const { offset } = bias.slice;
    for (let i = 0; i < 5; i++) {
      expect(after[offset + i]).toBeCloseTo((before[offset + i] ?? 0) - step, 6);
    }
    for (const thing of [optimizer, made.factor, made.placement, scaler]) thing.release();
  });

  it("grows after the interval, and goes on from what was read", async () => {
    const made = new Setup(device());
    const options = { scale: 4, growth: 8, backoff: 0.25, interval: 3 };
    const scaler = new LossScaler(device(), options);
    for (let i = 0; i < 4; i++) made.step(scaler);
    expect(await scaler.read()).toEqual({ scale: 32, goodSteps: 1, skippedSteps: 0 });
    const resumed = new LossScaler(device(), options);
    resumed.load(await scaler.read());
    made.step(resumed);
    made.step(resumed);
    expect(await resumed.read()).toEqual({ scale: 256, goodSteps: 0, skippedSteps: 0 });
    for (const thing of [made, scaler, resumed]) thing.release();
  });

  it.each([
    [{ scale: 0 }, /scale must be above 0, not 0/],
    [{ backoff: Number.NaN }, /backoff must be above 0, not NaN/],
    [{ growth: Number.POSITIVE_INFINITY }, /growth must be above 0, not Infinity/],
    [{ interval: 2.5 }, /interval must be a positive integer, not 2.5/],
  ])("refuses %j", (options, message) => {
    expect(() => new LossScaler(device(), options)).toThrow(message);
  });
});

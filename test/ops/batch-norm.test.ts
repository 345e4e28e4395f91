import { expect, it, vi } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import type { KernelCalls } from "../../src/device/kernels.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { empty, tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { tinyModel } from "../support/tiny.js";
import { values } from "../support/values.js";

describeOnDevices("batch norm in a frozen model", (device) => {
  it.each([false, true])(
    "computes no gradient of scale and shift, and the same one of the images (training: %s)",
    async (training) => {
      using _ = device().scope();
      const { model, placement } = tinyModel(device());
      if (training) model.train();
      else model.eval();
      const shape = [4, 9, 9, 4];
      const images = tensor(device(), values(shape, 3), shape).withGrad();
      const labels = tensor(device(), [0, 1, 2, 1], [4], "u32");
      const run = vi.spyOn(device(), "run");

      const attempt = async (trainable: boolean) => {
        for (const [, parameter] of model.parameters()) parameter.trainable = trainable;
        run.mockClear();
        images.grad = empty(device(), shape);
        backward(crossEntropy(model.forward(images), labels));
        const gradient = await images.grad.read();
        const calls = run.mock.calls.filter(([kernel]) => kernel === "batchNormBackward");
        return {
          gradient,
          calls: calls.map(([, call]) => call as KernelCalls["batchNormBackward"]),
        };
      };
      const whole = await attempt(true);
      const frozen = await attempt(false);
      run.mockRestore();
      placement.release();

      const written = ({ calls }: typeof whole) =>
        calls.map(({ dx, dgamma, dbeta }) => [dx, dgamma, dbeta].map((slice) => slice !== null));
      expect(whole.calls.length).toBeGreaterThan(10);
      expect(written(whole)).toEqual(whole.calls.map(() => [true, true, true]));
      expect(written(frozen)).toEqual(whole.calls.map(() => [true, false, false]));
      expect(Math.max(...frozen.gradient.map(Math.abs))).toBeGreaterThan(1e-4);
      for (const [i, value] of frozen.gradient.entries()) {
        expect(value).toBeCloseTo(whole.gradient[i] ?? Number.NaN, 6);
      }
    },
  );
});

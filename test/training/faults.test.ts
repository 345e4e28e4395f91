import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import type { Device } from "../../src/device/device.js";
import { DeviceError } from "../../src/device/errors.js";
import { openWebGpuDevice, type WebGpuDevice } from "../../src/device/webgpu/device.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import { fit } from "../../src/training/fit.js";
import { predict } from "../../src/training/predict.js";
import { tinyModel, tinySet } from "../support/tiny.js";

/** Each opens a device and comes with what takes it away from under a training step. */
const kinds: {
  kind: string;
  open: () => Promise<{ device: Device; lose: () => void }>;
}[] = [
  {
    kind: "webgpu",
    open: async () => {
      const device: WebGpuDevice = await openWebGpuDevice();
      return { device, lose: () => device.gpu.destroy() };
    },
  },
  {
    kind: "cpu",
    open: async () => {
      const device = await openCpuDevice({ threads: 2 });
      // Outside of the kernels' memory: they trap.
      const storage = device.allocate(256, "too short");
      const dst = { storage, offset: 2 ** 29, length: 64 };
      return { device, lose: () => device.run("fill", { dst, value: 1 }) };
    },
  },
];

describe.each(kinds)("a device that fails under way ($kind)", ({ open }) => {
  let unhandled: unknown[];
  const note = (reason: unknown): void => {
    unhandled.push(reason);
  };
  beforeEach(() => {
    unhandled = [];
    process.on("unhandledRejection", note);
  });
  afterEach(() => {
    process.off("unhandledRejection", note);
  });

  const onStart = async (body: (device: Device, lose: () => void) => Promise<void>) => {
    const { device, lose } = await open();
    try {
      await body(device, lose);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unhandled).toEqual([]);
    } finally {
      await device.destroy().catch(() => {});
    }
  };

  test.each(["fails", "is destroyed"])(
    "that %s ends fit with a typed error, and nothing else",
    (how) =>
      onStart(async (device, fail) => {
        const lose = how === "fails" ? fail : () => void device.destroy();
        const { model } = tinyModel(device);
        const optimizer = new SGD(model, { lr: 0.01 });
        let steps = 0;
        const training = fit(model, tinySet(60, 2), optimizer, {
          ...{ epochs: 3, batchSize: 16, seed: 5, schedule: () => ({ lr: 0.01 }) },
          onStep: () => {
            if (++steps === 2) lose();
          },
        });
        await expect(training).rejects.toThrow(DeviceError);
        expect(steps).toBeLessThan(9);
      }),
  );

  test("ends predict with a typed error, and nothing else", () =>
    onStart(async (device, lose) => {
      const { model } = tinyModel(device);
      const predicting = predict(model, tinySet(60, 2), { batchSize: 7, onProgress: lose });
      await expect(predicting).rejects.toThrow(DeviceError);
    }));

  test("leaves reads that nobody awaits in peace, and tells those who do", () =>
    onStart(async (device, lose) => {
      const x = tensor(device, [1, 2, 3]);
      const dropped = [x.read(), x.read(), device.finish(), device.read(x.slice)];
      lose();
      const late = x.read();
      await new Promise((resolve) => setTimeout(resolve, 50));
      await expect(late).rejects.toThrow(DeviceError);
      await expect(x.read()).rejects.toThrow(DeviceError);
      await Promise.allSettled(dropped);
    }));

  test("misuse of a read is no unhandled rejection either", () =>
    onStart(async (device) => {
      const [x, labels] = [tensor(device, [1, 2, 3]), tensor(device, [1], [1], "u32")];
      const wrong = [x.readIntegers(), labels.read(), x.item()];
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(wrong).toHaveLength(3);
    }));
});

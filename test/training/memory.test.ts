import { expect, it } from "vitest";
import type { Device } from "../../src/device/device.js";
import { LimitError } from "../../src/device/errors.js";
import { openDevice } from "../../src/device/open.js";
import { resnet18 } from "../../src/models/resnet.js";
import { place } from "../../src/nn/place.js";
import { SGD } from "../../src/optim/sgd.js";
import { fit } from "../../src/training/fit.js";
import { testDeviceKinds } from "../support/devices.js";
import { tinySet } from "../support/tiny.js";

/** Trains a ResNet-18 for an epoch of `batches`; gives its losses and the most memory it held. */
async function train(device: Device, width: number, batches: readonly number[]) {
  const count = batches.reduce((sum, n) => sum + n, 0);
  const model = resnet18({ width, classes: 3 });
  const placement = place(model, device, { seed: 1 });
  const optimizer = new SGD(model, { lr: 0.01, momentum: 0.9 });
  const losses: number[] = [];
  try {
    await fit(model, tinySet(count, 2), optimizer, {
      ...{ epochs: 1, batchSize: batches[0] ?? 1, seed: 3, schedule: () => ({ lr: 0.01 }) },
      onStep: ({ loss }) => {
        losses.push(loss);
      },
    });
  } finally {
    optimizer.release();
    placement.release();
  }
  return losses;
}

it.each(testDeviceKinds())(
  "a batch of another size takes no memory of its own for what it computes (%s)",
  async (kind) => {
    const reserved: number[] = [];
    const losses: number[][] = [];
    for (const batches of [[24], [24, 11]]) {
      const device = await openDevice({ kind, threads: 2 });
      losses.push(await train(device, 8, batches));
      reserved.push(device.counters.bytesReserved);
      await device.destroy();
    }
    const [one = 0, two = 0] = reserved;
    expect(losses.map((of) => of.length)).toEqual([1, 2]);
    // Its images, labels and random state, and what it reads back.
    expect(two - one).toBeLessThan(32 * 1024);
    expect(one).toBeGreaterThan(4 << 20);
  },
);

it.each(testDeviceKinds())(
  "within a limit a narrower model trains after a wider one was released (%s)",
  async (kind) => {
    const probe = await openDevice({ kind, threads: 2 });
    await train(probe, 16, [24]);
    const wide = probe.counters.bytesReserved;
    const alone = await train(probe, 12, [24]);
    const both = probe.counters.bytesReserved;
    await probe.destroy();
    expect(both).toBeGreaterThan(1.2 * wide);
    // Room for each, not for both.
    const maxBytes = Math.floor(0.5 * (wide + both));
    const device = await openDevice({ kind, threads: 2, maxBytes });
    try {
      await train(device, 16, [24]);
      expect(device.counters.bytesReserved).toBeLessThan(maxBytes);
      expect(await train(device, 12, [24])).toEqual(alone);
      await expect(train(device, 16, [150])).rejects.toThrow(LimitError);
      expect(device.counters.bytesReserved).toBeLessThanOrEqual(maxBytes);
      expect(await train(device, 12, [24])).toEqual(alone);
    } finally {
      await device.destroy();
    }
  },
);

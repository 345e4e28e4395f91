import { expect, it } from "vitest";
import type { DeviceCounters } from "../../src/device/device.js";
import { cosine } from "../../src/optim/schedules.js";
import { fit } from "../../src/training/fit.js";
import { describeOnDevices } from "../support/devices.js";
import { optimizers } from "../support/optimizers.js";
import { tinyModel, tinySet } from "../support/tiny.js";

describeOnDevices("a steady training step", (device) => {
  it.each(optimizers)("creates nothing, submits at most twice: $name", async ({ make }) => {
    const { model, placement } = tinyModel(device());
    const optimizer = make(model);
    const seen: DeviceCounters[] = [];
    await fit(model, tinySet(40, 2), optimizer, {
      epochs: 52,
      batchSize: 10,
      seed: 1,
      // The rate is written anew for every step.
      schedule: cosine(0.01, 208),
      augmentation: { pad: 1, flip: true },
      onStep: () => {
        seen.push({ ...device().counters });
      },
    });
    const [early, late] = [seen[7], seen.at(-1)] as [DeviceCounters, DeviceCounters];
    const steps = seen.length - 1 - 7;
    expect(steps).toBe(200);
    expect(late.buffersCreated - early.buffersCreated).toBe(0);
    expect(late.bindGroupsCreated - early.bindGroupsCreated).toBe(0);
    expect(late.pipelinesCreated - early.pipelinesCreated).toBe(0);
    expect(late.bytesReserved).toBe(early.bytesReserved);
    expect(late.peakBytes).toBe(early.peakBytes);
    if (device().kind === "webgpu") {
      expect((late.submits - early.submits) / steps).toBeLessThanOrEqual(2);
    }
    optimizer.release();
    placement.release();
  });
});

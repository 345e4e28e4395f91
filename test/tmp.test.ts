import { test } from "vitest";
import { openDevice } from "../src/device/open.js";
import { sampleStep } from "../src/lab/sample-step.js";

test("x", async () => {
  for (const kind of ["cpu", "webgpu"] as const)
    for (const rest of [128, 100, 80, 64, 48, 32, 16, 8]) {
      const device = await openDevice({ kind, threads: 1 });
      const one = sampleStep(device, { width: 16, batchSize: 128 });
      const base = device.counters.bytesReserved;
      const a = device.capture(() => one.run());
      const after = device.counters.bytesReserved;
      const two = sampleStep(device, { width: 16, batchSize: rest });
      const base2 = device.counters.bytesReserved;
      const b = device.capture(() => two.run());
      const end = device.counters.bytesReserved;
      console.log(
        kind,
        rest,
        "A",
        (after - base) / 2 ** 20,
        "B",
        (end - base2) / 2 ** 20,
        device.counters.peakBytes / 2 ** 20,
      );
      a.release();
      b.release();
      one.release();
      two.release();
      await device.destroy();
    }
});

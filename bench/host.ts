import { type OpenDeviceOptions, openDevice } from "../src/device/open.js";
import { sampleStep } from "../src/lab/victims/sample-step.js";
import { type Summary, summarise } from "./statistics.js";

/** What the processor spends around a device's work, ResNet-18's training step, width 16, batch 16. */
export interface HostRows {
  /**
   * From before `openDevice` to the end of the first step, all its kernels compiled. Whether the
   * driver's shader cache is warm is up to the caller; a second run of this program finds it so.
   */
  firstStepMs: number;
  /** Calls of a replayed step from its first command to its submit, the device being idle before. */
  replayMs: Summary;
  dispatches: number;
  submits: number;
}

export async function measureHost(options: OpenDeviceOptions, reps: number): Promise<HostRows> {
  const start = performance.now();
  const device = await openDevice(options);
  const step = sampleStep(device, { width: 16, batchSize: 16 });
  const recording = device.capture(() => step.run());
  await recording.ready();
  recording.replay();
  await device.finish();
  const firstStepMs = performance.now() - start;
  const times: number[] = [];
  const before = { ...device.counters };
  for (let i = 0; i < reps; i++) {
    const from = performance.now();
    recording.replay();
    device.flush();
    times.push(performance.now() - from);
    await device.finish();
  }
  const { counters } = device;
  const perStep = (name: "dispatches" | "submits") => (counters[name] - before[name]) / reps;
  const counted = { dispatches: perStep("dispatches"), submits: perStep("submits") };
  recording.release();
  step.release();
  await device.destroy();
  return { firstStepMs, replayMs: summarise(times), ...counted };
}

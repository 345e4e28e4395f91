import { measurePeaks, type Peaks } from "../device/peaks.js";
import type { ProfiledCall } from "../device/profile.js";
import type { WebGpuDevice } from "../device/webgpu/device.js";
import { type SampleOptions, sampleStep } from "./sample-step.js";

export interface ProfileStepOptions extends SampleOptions {
  steps: number;
  onStage?: (stage: string) => void;
  onCompile?: (done: number, all: number) => void;
}

/**
 * GPU times of every kernel call in some training steps of a ResNet-18, after one that is not timed,
 * and the device's peaks. Throws DeviceError where the device has no timestamps.
 */
export async function profileStep(
  device: WebGpuDevice,
  options: ProfileStepOptions,
): Promise<{ calls: ProfiledCall[]; peaks: Peaks }> {
  // Where there are no timestamps this throws, before anything long begins.
  device.profile(true);
  device.profile(false);
  options.onStage?.("measuring the peaks");
  const peaks = await measurePeaks(device);
  const step = sampleStep(device, options);
  const recording = device.capture(() => step.run());
  try {
    options.onStage?.("profiling");
    await recording.ready(options.onCompile);
    recording.replay();
    await device.finish();
    device.profile(true);
    for (let i = 0; i < options.steps; i++) recording.replay();
    await device.finish();
    return { calls: await device.profileReport(), peaks };
  } finally {
    device.profile(false);
    recording.release();
    step.release();
  }
}

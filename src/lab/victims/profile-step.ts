import { measurePeaks, type Peaks } from "../../device/peaks.js";
import type { ProfiledCall } from "../../device/profile.js";
import type { WebGpuDevice } from "../../device/webgpu/device.js";
import { type Given, integer, settings } from "../../schema/index.js";
import { sampleSettings, sampleStep } from "./sample-step.js";

export const profileSettings = settings("profile", {
  ...sampleSettings.fields,
  steps: integer({ min: 1, default: 3, doc: "steps to time" }),
});
export type ProfileStepOptions = Given<typeof profileSettings.fields>;

export interface ProfileStepHooks {
  onStage?: (stage: string) => void;
  onCompile?: (done: number, all: number) => void;
}

/**
 * GPU times of every kernel call in some training steps of a ResNet-18, after one that is not timed,
 * and the device's peaks. Throws DeviceError where the device has no timestamps.
 */
export async function profileStep(
  device: WebGpuDevice,
  options: ProfileStepOptions = {},
  hooks: ProfileStepHooks = {},
): Promise<{ calls: ProfiledCall[]; peaks: Peaks }> {
  const { steps, ...sample } = profileSettings.fill(options);
  // Where there are no timestamps this throws, before anything long begins.
  device.profile(true);
  device.profile(false);
  hooks.onStage?.("measuring the peaks");
  const peaks = await measurePeaks(device);
  const step = sampleStep(device, sample);
  const recording = device.capture(() => step.run());
  try {
    hooks.onStage?.("profiling");
    await recording.ready(hooks.onCompile);
    recording.replay();
    await device.finish();
    device.profile(true);
    for (let i = 0; i < steps; i++) recording.replay();
    await device.finish();
    return { calls: await device.profileReport(), peaks };
  } finally {
    device.profile(false);
    recording.release();
    step.release();
  }
}

import type { DeviceInfo } from "../src/device/device.js";
import { type OpenDeviceOptions, openDevice } from "../src/device/open.js";
import { measurePeaks, type Peaks } from "../src/device/peaks.js";
import type { TuneOptions } from "../src/device/webgpu/autotune.js";
import { ours } from "./ours.js";
import { type Subject, timer } from "./runner.js";

/** shiftgrad as a subject, and what its device is and can do. */
export interface Ours extends Subject {
  readonly device: DeviceInfo;
  readonly peaks: Peaks;
}

/** Opens a device of this process or page, and measures its peaks; for `tuning` see `ours`. */
export async function openOurs(options: OpenDeviceOptions, tuning?: TuneOptions): Promise<Ours> {
  const device = await openDevice(options);
  const runner = ours(device, tuning);
  return {
    name: runner.name,
    device: device.info,
    peaks: await measurePeaks(device),
    time: timer(runner),
    stop: () => device.destroy(),
  };
}

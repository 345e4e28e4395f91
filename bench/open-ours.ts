import type { DeviceInfo } from "../src/device/device.js";
import { type OpenDeviceOptions, openDevice } from "../src/device/open.js";
import { measurePeaks, type Peaks } from "../src/device/peaks.js";
import { ours } from "./ours.js";
import { type Subject, timer } from "./runner.js";

/** shiftgrad as a subject, and what its device is and can do. */
export interface Ours extends Subject {
  readonly device: DeviceInfo;
  readonly peaks: Peaks;
}

/** Opens a device of this process or page, and measures its peaks. */
export async function openOurs(options: OpenDeviceOptions): Promise<Ours> {
  const device = await openDevice(options);
  return {
    name: ours(device).name,
    device: device.info,
    peaks: await measurePeaks(device),
    time: timer(ours(device)),
    stop: () => device.destroy(),
  };
}

import type { DeviceInfo } from "../device.js";
import type { TracedDispatch } from "../profile.js";
import type { Slice } from "../storage.js";
import { type TuneHost, type TuneOptions, type TuneResult, tune } from "./autotune.js";
import type { GpuLowering } from "./lowering.js";
import type { VariantChoices } from "./variant-choices.js";

/** What tuning does with a device. */
export interface TunedDevice {
  readonly info: DeviceInfo;
  readonly choices: VariantChoices;
  allocate(like: Slice): Slice;
  release(slice: Slice): void;
  /** Lowers outside of `run`, and gives the scratch memory back. */
  lower(body: (gpu: GpuLowering) => void): void;
  finish(): Promise<void>;
  profile(on: boolean): void;
  dispatches(): Promise<TracedDispatch[]>;
}

/** Measures the variants of what `body` calls, on the device itself. */
export async function tuneDevice(
  device: TunedDevice,
  body: () => void,
  options: TuneOptions,
): Promise<TuneResult[]> {
  const tunables = device.choices.observe(body);
  await device.finish();
  const host: TuneHost = {
    adapter: device.info.name,
    choices: device.choices,
    allocate: (like) => device.allocate(like),
    release: (slice) => device.release(slice),
    time: (run) => time(device, run),
  };
  return tune(host, tunables, options);
}

/** Milliseconds the dispatches of `run` take: timestamps where there are any, else wall time. */
async function time(device: TunedDevice, run: (gpu: GpuLowering) => void): Promise<number> {
  const stamps = device.info.features.includes("timestamp-query") && !device.info.software;
  await device.finish();
  if (stamps) {
    device.profile(true);
    await device.dispatches();
  }
  const start = performance.now();
  device.lower(run);
  await device.finish();
  if (!stamps) return performance.now() - start;
  const timed = await device.dispatches();
  device.profile(false);
  return timed.reduce((sum, { start, end }) => sum + end - start, 0);
}

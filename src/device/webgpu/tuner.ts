import type { Device } from "../device.js";
import type { TracedDispatch } from "../profile.js";
import { byteLength, type Slice } from "../storage.js";
import { type TuneHost, type TuneOptions, type TuneResult, tune } from "./autotune.js";
import type { GpuLowering } from "./lowering.js";
import type { VariantChoices } from "./variant-choices.js";

/** What tuning does with a device. */
export interface TunedDevice {
  readonly device: Device;
  readonly choices: VariantChoices;
  /** Lowers outside of `run`, and gives the scratch memory back. */
  lower(body: (gpu: GpuLowering) => void): void;
  profile(on: boolean): void;
  dispatches(): Promise<TracedDispatch[]>;
}

/** Measures the variants of what `body` calls, on the device itself. */
export async function tuneDevice(
  tuned: TunedDevice,
  body: () => void,
  options: TuneOptions,
): Promise<TuneResult[]> {
  const { device, choices } = tuned;
  const tunables = choices.observe(body);
  await device.finish();
  const host: TuneHost = {
    adapter: device.info.name,
    choices,
    allocate: (like) => allocate(device, like),
    release: ({ storage }) => device.release(storage),
    time: (run) => time(tuned, run),
  };
  return tune(host, tunables, options);
}

function allocate(device: Device, like: Slice): Slice {
  const storage = device.allocate(byteLength(like), "tuning");
  device.keep(storage);
  return { ...like, storage, offset: 0 };
}

/** Milliseconds the dispatches of `run` take: timestamps where there are any, else wall time. */
async function time(tuned: TunedDevice, run: (gpu: GpuLowering) => void): Promise<number> {
  const { device } = tuned;
  const stamps = device.info.features.includes("timestamp-query") && !device.info.software;
  await device.finish();
  if (stamps) {
    tuned.profile(true);
    await tuned.dispatches();
  }
  try {
    const start = performance.now();
    tuned.lower(run);
    await device.finish();
    if (!stamps) return performance.now() - start;
    const timed = await tuned.dispatches();
    return timed.reduce((sum, { start, end }) => sum + end - start, 0);
  } finally {
    if (stamps) tuned.profile(false);
  }
}

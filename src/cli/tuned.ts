import { homedir } from "node:os";
import { join } from "node:path";
import type { Device } from "../device/device.js";
import { WebGpuDevice } from "../device/webgpu/device.js";
import type { TuneStore } from "../device/webgpu/tune-store.js";
import { fileTuneStore } from "../device/webgpu/tune-store-file.js";
import { countVariants } from "../lab/records/variants.js";
import { RunDirectory } from "../lab/runs/run-directory.js";
import type { Progress } from "./progress.js";

/**
 * Where `device --tune` leaves its choices: the file that SHIFTGRAD_TUNED names, or one in the
 * user's cache directory, as the system has it.
 */
export function tunedPath(
  platform: NodeJS.Platform = process.platform,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  home = homedir(),
): string {
  const { SHIFTGRAD_TUNED, XDG_CACHE_HOME, LOCALAPPDATA } = environment;
  if (SHIFTGRAD_TUNED) return SHIFTGRAD_TUNED;
  const cache =
    XDG_CACHE_HOME ||
    (platform === "win32" && LOCALAPPDATA) ||
    (platform === "darwin" ? join(home, "Library", "Caches") : join(home, ".cache"));
  return join(cache, "shiftgrad", "tuned.json");
}

export const tunedStore = (): TuneStore => fileTuneStore(tunedPath());

/** Lets a device run what was tuned on it before, and says so. */
export async function useTuned(device: WebGpuDevice, progress: Progress): Promise<void> {
  const { choices, stale } = await device.useTuned(tunedStore());
  const count = Object.keys(choices).length;
  if (count > 0) progress.line(`kernels: ${count} choices tuned here before, ${tunedPath()}`);
  if (stale > 0) {
    progress.line(
      `kernels: ${stale} choices in ${tunedPath()} are of another shiftgrad's kernels and are not ` +
        "used; shiftgrad device --tune measures again",
    );
  }
}

/** Lets a device run what was tuned on it, its presets, or what an earlier run ran. */
export async function chooseVariants(
  device: Device,
  which: string,
  progress: Progress,
): Promise<void> {
  if (which === "preset") return;
  if (which === "tuned") {
    if (device instanceof WebGpuDevice) await useTuned(device, progress);
    return;
  }
  const { device: there, variants } = await new RunDirectory(which).record();
  device.useVariants(variants);
  if (there.name !== device.info.name) {
    progress.line(`kernels: ${which} ran on ${there.name}, this is ${device.info.name}`);
  }
  if (device.kind === "webgpu")
    progress.line(`kernels: ${countVariants(variants)}, as in ${which}`);
}

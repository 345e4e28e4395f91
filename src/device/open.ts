import { type CpuDeviceOptions, openCpuDevice } from "./cpu/open.js";
import type { Device } from "./device.js";
import { DeviceUnavailableError } from "./errors.js";
import { openWebGpuDevice, type WebGpuOptions } from "./webgpu/device.js";

export interface OpenDeviceOptions extends CpuDeviceOptions, WebGpuOptions {
  /**
   * "auto", the default: a hardware GPU, else the CPU device. "webgpu" takes a software GPU too,
   * unless `software` refuses it.
   */
  kind?: "auto" | "cpu" | "webgpu";
}

/**
 * Opens the device of the kind asked for. Throws DeviceUnavailableError when there is none; "auto"
 * always finds one where WebAssembly SIMD exists.
 */
export async function openDevice(options: OpenDeviceOptions = {}): Promise<Device> {
  const kind = options.kind ?? "auto";
  if (kind === "cpu") return openCpuDevice(options);
  if (kind === "webgpu") return openWebGpuDevice(options);
  try {
    return await openWebGpuDevice({ software: "refuse", ...options });
  } catch (error) {
    if (error instanceof DeviceUnavailableError) return openCpuDevice(options);
    throw error;
  }
}

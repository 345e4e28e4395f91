import { type CpuDeviceOptions, cpuDeviceTable, openCpuDevice } from "./cpu/open.js";
import type { Device } from "./device.js";
import { DeviceUnavailableError } from "./errors.js";
import { checkOptions, type OptionTable, pickOptions } from "./options.js";
import { openWebGpuDevice } from "./webgpu/device.js";
import { type WebGpuOptions, webGpuTable } from "./webgpu/options.js";

export interface OpenDeviceOptions extends CpuDeviceOptions, WebGpuOptions {
  /**
   * "auto", the default: a hardware GPU, else the CPU device. "webgpu" takes a software GPU too,
   * unless `software` refuses it.
   */
  kind?: "auto" | "cpu" | "webgpu";
}

const openTable: OptionTable<OpenDeviceOptions> = {
  ...cpuDeviceTable,
  ...webGpuTable,
  kind: ["auto", "cpu", "webgpu"],
};

/**
 * Opens the device of the kind asked for. Throws DeviceUnavailableError when there is none; "auto"
 * always finds one where WebAssembly SIMD exists.
 */
export async function openDevice(options: OpenDeviceOptions = {}): Promise<Device> {
  checkOptions("openDevice", options, openTable);
  const { kind = "auto" } = options;
  const cpu = pickOptions<CpuDeviceOptions>(options, cpuDeviceTable);
  const gpu = pickOptions<WebGpuOptions>(options, webGpuTable);
  if (kind === "cpu") return openCpuDevice(cpu);
  if (kind === "webgpu") return openWebGpuDevice(gpu);
  try {
    return await openWebGpuDevice({ software: "refuse", ...gpu });
  } catch (error) {
    if (error instanceof DeviceUnavailableError) return openCpuDevice(cpu);
    throw error;
  }
}

import type { Command } from "commander";
import { openCpuDevice } from "../device/cpu/open.js";
import type { Device } from "../device/device.js";
import { DeviceUnavailableError } from "../device/errors.js";
import { openWebGpuDevice } from "../device/webgpu/device.js";

export function addDevice(program: Command): void {
  program
    .command("device")
    .summary("show the devices of this machine")
    .description("Shows which devices shiftgrad can use here, and which one it takes by itself.")
    .option("--json", "print them as JSON")
    .action((options: { json?: boolean }) => showDevices(options.json ?? false));
}

interface Found {
  readonly kind: string;
  readonly info?: Device["info"];
  readonly maxStorageBytes?: number;
  readonly limits?: Readonly<Record<string, number>>;
  readonly unavailable?: string;
}

const shownLimits = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
] as const;

async function showDevices(json: boolean): Promise<void> {
  const found: Found[] = [await look("cpu", openCpuDevice), await look("webgpu", openWebGpuDevice)];
  const gpu = found[1]?.info;
  const chosen = gpu && !gpu.software ? "webgpu" : "cpu";
  if (json) {
    process.stdout.write(`${JSON.stringify({ auto: chosen, devices: found }, null, 2)}\n`);
    return;
  }
  for (const device of found) process.stdout.write(`${describe(device, chosen).join("\n")}\n\n`);
}

async function look(kind: string, open: () => Promise<Device>): Promise<Found> {
  let device: Device;
  try {
    device = await open();
  } catch (error) {
    if (error instanceof DeviceUnavailableError) return { kind, unavailable: error.message };
    throw error;
  }
  const { info, maxStorageBytes } = device;
  const gpu = (device as { gpu?: GPUDevice }).gpu;
  const limits = gpu && Object.fromEntries(shownLimits.map((name) => [name, gpu.limits[name]]));
  await device.destroy();
  return { kind, info, maxStorageBytes, ...(limits && { limits }) };
}

function describe({ kind, info, maxStorageBytes, limits, unavailable }: Found, chosen: string) {
  if (!info) return [`${kind}: not available`, `  ${unavailable}`];
  const mark = kind === chosen ? " (taken by --device auto)" : "";
  return [
    `${kind}: ${info.name}${info.software ? ", software" : ""}${mark}`,
    `  threads            ${info.threads}`,
    `  features           ${info.features.join(" ")}`,
    `  largest tensor     ${((maxStorageBytes ?? 0) / 2 ** 20).toFixed(0)} MiB`,
    ...Object.entries(limits ?? {}).map(([name, value]) => `  ${name.padEnd(34)} ${value}`),
  ];
}

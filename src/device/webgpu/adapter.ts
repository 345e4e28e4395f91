import type { DeviceInfo } from "../device.js";
import { DeviceError, DeviceUnavailableError } from "../errors.js";
import type { AdapterTraits } from "./lowering.js";
import type { AdapterOptions } from "./options.js";
import { maxWorkgroups } from "./workgroups.js";

/** The limits the kernels use; each is raised to what the adapter offers, no other is. */
const usedLimits = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

const usedFeatures = ["timestamp-query", "shader-f16", "subgroups"] as const;

/** Not in the types of WebGPU yet. */
const subgroupMatrix = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

const softwareNames = /llvmpipe|lavapipe|swiftshader|software|basic render|\bwarp\b|\bcpu\b/i;

const describeAdapter = (info: GPUAdapterInfo): string =>
  info.description || info.device || [info.vendor, info.architecture].join(" ").trim() || "WebGPU";

const isSoftware = (info: GPUAdapterInfo): boolean =>
  info.isFallbackAdapter === true ||
  softwareNames.test([info.vendor, info.architecture, info.device, info.description].join(" "));

/** Dawn lives as long as the object `create` returned, and a second one may crash: one a process. */
let dawn: { gpu: GPU; flags: string } | undefined;

async function nodeGpu(options: AdapterOptions): Promise<GPU> {
  const flags = [
    ...(options.dawnToggles ?? []),
    "disable-dawn-features=timestamp_quantization",
    ...(options.subgroupMatrices ? ["enable-dawn-features=allow_unsafe_apis"] : []),
    ...(options.validation === false
      ? ["enable-dawn-features=skip_validation,disable_robustness"]
      : []),
  ];
  const key = flags.join(" ");
  if (!dawn) {
    // A variable keeps bundlers from resolving the optional package.
    const name = "webgpu";
    const dawnNode = (await import(/* @vite-ignore */ name).catch((cause: unknown) => {
      throw new DeviceUnavailableError(
        `WebGPU in Node needs the optional package webgpu, which could not be loaded ` +
          `(${cause instanceof Error ? cause.message : cause}); run: npm install webgpu@^0.6.2`,
        { cause },
      );
    })) as { create(flags: string[]): GPU };
    dawn = { gpu: dawnNode.create(flags), flags: key };
  } else if (dawn.flags !== key) {
    throw new DeviceError(
      `this process opened WebGPU with "${dawn.flags}" and cannot open it again with "${key}"; ` +
        `give every device of a process the same dawnToggles, validation and subgroupMatrices`,
    );
  }
  return dawn.gpu;
}

export const isNode = (): boolean =>
  typeof process !== "undefined" && Boolean(process.versions?.node);

async function findGpu(options: AdapterOptions): Promise<GPU> {
  if (options.gpu) return options.gpu;
  if (typeof navigator !== "undefined" && navigator.gpu) return navigator.gpu;
  if (isNode()) return nodeGpu(options);
  throw new DeviceUnavailableError(
    "this browser offers no WebGPU (navigator.gpu is missing); use a current browser on a secure " +
      "origin (https or localhost), or the CPU device",
  );
}

async function requestAdapter(gpu: GPU, options: AdapterOptions): Promise<GPUAdapter> {
  const software = options.software ?? "allow";
  const preference = options.powerPreference ?? "high-performance";
  // Browsers hand out their software adapter only as a fallback; lavapipe is a plain adapter.
  const requests: GPURequestAdapterOptions[] = [{ powerPreference: preference }];
  if (software === "require") requests.push({ forceFallbackAdapter: true });
  const refused: string[] = [];
  for (const request of requests) {
    const adapter = await gpu.requestAdapter(request);
    if (!adapter) continue;
    if (software === "allow" || isSoftware(adapter.info) === (software === "require")) {
      return adapter;
    }
    refused.push(describeAdapter(adapter.info));
  }
  const found = refused.length ? `only ${refused.join(", ")}` : "no adapter at all";
  const remedy = isNode()
    ? "install a GPU driver with Vulkan, Metal or Direct3D 12 support (for a software adapter on " +
      "Debian: mesa-vulkan-drivers 25 or later)"
    : "allow the browser to use the GPU (its setting for hardware acceleration)";
  throw new DeviceUnavailableError(
    `WebGPU offers ${found}, and a ${software === "require" ? "software" : "hardware"} adapter ` +
      `was asked for; ${remedy}, or use the CPU device`,
  );
}

/** A GPUDevice with the limits and features the kernels use, and the adapter's description. */
export async function requestGpuDevice(
  options: AdapterOptions,
): Promise<{ device: GPUDevice; info: GPUAdapterInfo }> {
  const adapter = await requestAdapter(await findGpu(options), options);
  const wanted = [...usedFeatures, ...(options.subgroupMatrices ? [subgroupMatrix] : [])];
  const device = await adapter.requestDevice({
    label: "shiftgrad",
    requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(usedLimits.map((name) => [name, adapter.limits[name]])),
  });
  return { device, info: adapter.info };
}

/** What a device tells of itself. */
export const deviceInfo = (gpu: GPUDevice, info: GPUAdapterInfo): DeviceInfo => ({
  kind: "webgpu",
  name: describeAdapter(info),
  software: isSoftware(info),
  threads: 1,
  features: [...gpu.features].sort(),
});

/** What the lowerings want to know of an adapter. */
export function adapterTraits(gpu: GPUDevice, info: GPUAdapterInfo): AdapterTraits {
  const software = isSoftware(info);
  return {
    features: new Set(gpu.features),
    maxWorkgroupStorageBytes: gpu.limits.maxComputeWorkgroupStorageSize,
    maxWorkgroupInvocations: gpu.limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroups,
    itemsPerLane: software ? 16 : 4,
    software,
    subgroupSize: subgroupSize(gpu, info),
    subgroupMatrices: subgroupMatrices(gpu, info),
  };
}

/** What Dawn tells of an adapter with the feature. */
interface SubgroupMatrixInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
}

function subgroupMatrices(gpu: GPUDevice, info: GPUAdapterInfo & SubgroupMatrixInfo): string[] {
  if (!gpu.features.has(subgroupMatrix)) return [];
  return [...(info.subgroupMatrixConfigs ?? [])]
    .filter(({ resultComponentType }) => resultComponentType === "f32")
    .map(({ componentType, M, N, K }) => `${componentType} ${M}x${N}x${K}`);
}

/** The width all subgroups have; 0 if the device has none or leaves it open. */
function subgroupSize(gpu: GPUDevice, info: GPUAdapterInfo): number {
  const { subgroupMinSize = 0, subgroupMaxSize = 0 } = info;
  const fixed = gpu.features.has("subgroups") && subgroupMinSize === subgroupMaxSize;
  return fixed ? subgroupMinSize : 0;
}

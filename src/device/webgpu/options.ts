import type { VariantMap } from "../choices.js";
import type { OptionTable } from "../options.js";

export interface AdapterOptions {
  /** Where adapters come from; default: `navigator.gpu`, in Node the `webgpu` package. */
  gpu?: GPU;
  powerPreference?: GPUPowerPreference;
  /** Adapters that run on the processor: allowed, the only ones accepted, or refused. */
  software?: "allow" | "require" | "refuse";
  /** Options for the `webgpu` package's `create`, such as "backend=vulkan"; ignored in browsers. */
  dawnToggles?: readonly string[];
  /**
   * Asks for Chromium's experimental subgroup matrices: GEMMs on halves by the matrix units of GPUs
   * that have some (docs/webgpu-kernels.md). In Node this allows Dawn's unsafe interfaces; in Chromium
   * that is up to the flag --enable-unsafe-webgpu. Adapters without it ignore the wish.
   */
  subgroupMatrices?: boolean;
  /** False (Node only) skips Dawn's validation and bounds checks: faster, and faults are silent. */
  validation?: boolean;
}

const adapterTable: OptionTable<AdapterOptions> = {
  gpu: "checked",
  powerPreference: ["low-power", "high-performance"],
  software: ["allow", "require", "refuse"],
  dawnToggles: "checked",
  subgroupMatrices: "boolean",
  validation: "boolean",
};

export interface WebGpuOptions extends AdapterOptions {
  /** A GPUDevice of the caller's own; it is used as it is, and not destroyed. */
  device?: GPUDevice;
  /**
   * Dispatches per submit: default 192, in a browser 32. Fewer start the GPU sooner and let the page
   * be drawn between them, more cost less on the processor.
   */
  dispatchesPerSubmit?: number;
  /** Variants to run whatever the defaults say, by shape class; "*" is any class. */
  variants?: VariantMap;
  /** The most memory the device may take, in bytes; default: as much as the GPU gives. */
  maxBytes?: number;
}

/** @internal */
export const webGpuTable: OptionTable<WebGpuOptions> = {
  ...adapterTable,
  device: "checked",
  dispatchesPerSubmit: "number",
  variants: "checked",
  maxBytes: "number",
};

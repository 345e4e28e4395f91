import type { KernelCalls, KernelName } from "../kernels.js";
import type { GpuLowering, Lower } from "./lowering.js";

/** How each row of the kernel table becomes dispatches. */
const lowerings: { [K in KernelName]?: Lower<K> } = {};

export function lower<K extends KernelName>(gpu: GpuLowering, kernel: K, call: KernelCalls[K]) {
  const entry = lowerings[kernel];
  if (!entry) throw new Error(`the WebGPU device has no kernel named ${kernel}`);
  entry(gpu, call);
}

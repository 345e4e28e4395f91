/** Opens devices for the page, tells of them in plain words, and measures kernels. */
import {
  type Device,
  DeviceUnavailableError,
  indexedDbTuneStore,
  openDevice,
  openWebGpuDevice,
  sampleStep,
  TuneStoreError,
  WebGpuDevice,
} from "shiftgrad";
import type { Report } from "./protocol.js";
import type { Settings } from "./settings.js";

type Tell = (message: Report) => void;

/** The device asked for; where WebGPU is missing, the processor and a note that says so. */
export async function open(wanted: Settings["device"], report: Tell): Promise<Device> {
  report({ kind: "busy", text: "Opening the device" });
  let note: string | null = null;
  const device = await openDevice({ kind: wanted }).catch((error: unknown) => {
    if (wanted !== "webgpu" || !(error instanceof DeviceUnavailableError)) throw error;
    note = "This browser offers no WebGPU here, so the run is on the processor.";
    return openDevice({ kind: "cpu" });
  });
  const { kind, name, threads, software } = device.info;
  const tuned = device instanceof WebGpuDevice ? await useTuned(device) : 0;
  const gpu = software ? "WebGPU (software)" : `WebGPU on ${name}`;
  const text =
    kind === "webgpu"
      ? gpu + (tuned > 0 ? `, ${tuned} of its kernels chosen by measuring` : "")
      : `Processor, WebAssembly on ${threads} ${threads === 1 ? "thread" : "threads"}`;
  if (kind === "cpu" && !globalThis.crossOriginIsolated) {
    note ??= "This page is not cross-origin isolated, so there is one thread.";
  }
  report({ kind: "device", text, note });
  return device;
}

/** Runs what was tuned in this browser; how many choices that were. */
async function useTuned(device: WebGpuDevice): Promise<number> {
  try {
    const { choices } = await device.useTuned(indexedDbTuneStore());
    return Object.keys(choices).length;
  } catch (error) {
    // A browser that keeps nothing, such as a private window, has nothing tuned.
    if (error instanceof TuneStoreError) return 0;
    throw error;
  }
}

/** Measures the kernels of the training step once; later runs take the fastest. */
export async function measure(
  { width, batchSize }: Settings,
  report: Tell,
  signal: AbortSignal,
): Promise<void> {
  report({ kind: "busy", text: "Preparing the GPU’s programs" });
  const device = await openWebGpuDevice();
  const step = sampleStep(device, { width, batchSize });
  try {
    const results = await device.tune(() => step.run(), {
      ...{ store: indexedDbTuneStore(), signal },
      log: (line) => report({ kind: "busy", text: `Measuring: ${line}` }),
    });
    const changed = results.filter(({ chosen, preset }) => chosen !== preset).length;
    report({ kind: "measured", shapes: results.length, changed });
  } finally {
    step.release();
    await device.destroy();
  }
}

import { DeviceUnavailableError } from "../errors.js";
import { checkOptions, type OptionTable } from "../options.js";
import { Blocks } from "./blocks.js";
import { compileKernels, hasRelaxedSimd, kernelNames, type RuntimeExports } from "./builds.js";
import { CpuDevice } from "./device.js";
import {
  controlBytes,
  crash,
  type Executor,
  type ExecutorEvents,
  startLocal,
  startTeam,
} from "./executor.js";
import { LinearMemory, largestPages, pageBytes } from "./memory.js";
import { currentPlatform, type Platform } from "./platform.js";
import { Queue } from "./queue.js";

export interface CpuDeviceOptions {
  /** Worker threads; default: as many as can run at once. */
  threads?: number;
  /**
   * Fused multiply-add where the engine has relaxed SIMD ("auto", the default). It is faster, and
   * rounds as the hardware does: results then differ between kinds of processors in the last bits.
   */
  relaxed?: boolean | "auto";
  /** False runs the kernels on the calling thread, in short slices; default true. */
  workers?: boolean;
  /** The most memory the device may take, in bytes; default and maximum: just below 4 GiB. */
  maxBytes?: number;
}

/** @internal */
export const cpuDeviceTable: OptionTable<CpuDeviceOptions> = {
  threads: "checked",
  relaxed: "checked",
  workers: "boolean",
  maxBytes: "number",
};

/**
 * Opens the CPU device. Where memory cannot be shared with workers (a page that is not cross-origin
 * isolated, a policy against blob workers) commands run on the calling thread, in short slices.
 *
 * @throws DeviceUnavailableError where WebAssembly SIMD, or relaxed SIMD asked for by name, is
 *   missing.
 */
export async function openCpuDevice(options: CpuDeviceOptions = {}): Promise<CpuDevice> {
  checkOptions("openCpuDevice", options, cpuDeviceTable);
  const platform = currentPlatform();
  const wanted = options.relaxed ?? "auto";
  if (wanted !== false) platform.enableRelaxedSimd();
  const relaxed = wanted !== false && hasRelaxedSimd();
  if (wanted === true && !relaxed) {
    throw new DeviceUnavailableError(
      'this engine has no relaxed SIMD; open the CPU device with relaxed: "auto"',
    );
  }
  const threads = options.threads ?? platform.parallelism;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new DeviceUnavailableError(`${threads} threads asked for; give a number from 1 up`);
  }
  const maxBytes = Math.min(options.maxBytes ?? Infinity, largestPages * pageBytes);
  if (platform.sharedMemory && options.workers !== false) {
    try {
      return await assemble(platform, { threads, relaxed, maxBytes, shared: true });
    } catch (error) {
      if (!(error instanceof DeviceUnavailableError)) throw error;
    }
  }
  return assemble(platform, { threads: 1, relaxed, maxBytes, shared: false });
}

async function assemble(
  platform: Platform,
  options: { threads: number; relaxed: boolean; maxBytes: number; shared: boolean },
): Promise<CpuDevice> {
  const { threads, relaxed, shared } = options;
  const module = await compileKernels({ relaxed, shared });
  const memory = new LinearMemory(shared, options.maxBytes);
  const { exports } = await WebAssembly.instantiate(module, {
    env: { memory: memory.memory, signal() {} },
  });
  const control = (exports as unknown as RuntimeExports).heapBase();
  const blocks = new Blocks(memory, control + controlBytes(threads));
  const queue = new Queue(memory, blocks);
  const kernels = kernelNames(module);
  let executor: Executor | null = null;
  const events: ExecutorEvents = {
    signal: (id) => queue.signalled(id),
    failed(reason) {
      const slot = (executor?.current() ?? 0) - (executor?.firstSlot ?? 0);
      queue.fail(crash(reason, kernels[slot] ?? "(none)"));
      void executor?.destroy();
    },
  };
  const setup = { module, memory, control, start: queue.list.start, platform, events };
  executor = shared ? await startTeam(setup, threads) : await startLocal(setup);
  queue.attach(executor);
  const features = [
    "simd128",
    ...(relaxed ? ["relaxed-simd"] : []),
    ...(shared ? ["threads"] : []),
  ];
  return new CpuDevice({
    ...{ memory, blocks, queue, executor, kernels },
    info: {
      ...{ kind: "cpu", name: platform.processor, software: false },
      ...{ threads: executor.threads, features },
    },
  });
}

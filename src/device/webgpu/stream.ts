import type { DeviceCounters } from "../device.js";
import type { KernelCall } from "../profile.js";
import { byteLength, byteOffset, type Slice } from "../storage.js";
import type { BoundGroup } from "./bindings.js";
import type { Faults } from "./faults.js";
import { blockOf, type GpuBlock, usage } from "./memory.js";
import type { Pipeline } from "./pipelines.js";
import type { Profiler } from "./profiler.js";

/** One dispatch, ready to encode. */
export interface Command {
  readonly name: string;
  readonly pipeline: Pipeline;
  /** What it binds, and the memory that is in. */
  readonly bound: BoundGroup;
  readonly workgroups: readonly [number, number, number];
  /** The kernel call it is part of, and its place there, for a profile. */
  readonly call: KernelCall | undefined;
  readonly index: number;
}

/**
 * The pending command encoder. Dispatches share one compute pass; WebGPU orders them and makes each
 * one's writes visible to the next. The encoder is submitted when it must be or has grown long.
 */
export class CommandStream {
  readonly #device: GPUDevice;
  readonly #counters: DeviceCounters;
  readonly #faults: Faults;
  readonly #profiler: Profiler;
  readonly #maxDispatches: number;
  readonly #named = new Set<GpuBlock>();
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: Pipeline | undefined;
  #pending = 0;
  /** Twelve zero bytes: a dispatch of no workgroups. */
  #none: GPUBuffer | undefined;

  constructor(
    device: GPUDevice,
    counters: DeviceCounters,
    faults: Faults,
    profiler: Profiler,
    maxDispatches: number,
  ) {
    this.#device = device;
    this.#counters = counters;
    this.#faults = faults;
    this.#profiler = profiler;
    this.#maxDispatches = maxDispatches;
  }

  /** Whether a command not yet submitted names the block. */
  names(block: GpuBlock): boolean {
    return this.#named.has(block);
  }

  dispatch(command: Command): void {
    this.#encode(command);
    for (const block of command.bound.blocks) this.#named.add(block);
    this.#submitIfLong();
  }

  /** Dispatches recorded commands, which name `blocks` between them. */
  replay(commands: readonly Command[], blocks: readonly GpuBlock[]): void {
    for (const command of commands) {
      this.#encode(command);
      this.#submitIfLong();
    }
    // Also those of commands submitted just now: at worst a write submits the rest early.
    if (this.#encoder) for (const block of blocks) this.#named.add(block);
  }

  /**
   * A software adapter's driver makes a kernel's machine code when it is first dispatched, on the
   * queue: a dispatch of no workgroups is enough. Resolves when it is made.
   */
  async warmUp({ pipeline, bound }: Command): Promise<void> {
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline.gpu);
    pass.setBindGroup(0, bound.group);
    // Indirect, because Dawn prints a warning about a count of 0 that it sees.
    this.#none ??= this.#device.createBuffer({ label: "none", size: 12, usage: usage.indirect });
    pass.dispatchWorkgroupsIndirect(this.#none, 0);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
    this.#counters.submits++;
    await this.#device.queue.onSubmittedWorkDone();
  }

  #encode(command: Command): void {
    const pass = this.#openPass(command);
    if (this.#pipeline !== command.pipeline) {
      pass.setPipeline(command.pipeline.gpu);
      this.#pipeline = command.pipeline;
    }
    pass.setBindGroup(0, command.bound.group);
    const [x, y, z] = command.workgroups;
    pass.dispatchWorkgroups(x, y, z);
    this.#counters.dispatches++;
    this.#pending++;
    if (this.#profiler.enabled) this.#closePass();
  }

  #submitIfLong(): void {
    if (this.#pending >= this.#maxDispatches || this.#profiler.full) this.submit();
  }

  copyOut(source: Slice, target: GPUBuffer): void {
    this.#closePass();
    this.#encoder ??= this.#device.createCommandEncoder();
    const from = blockOf(source, "read").buffer;
    this.#encoder.copyBufferToBuffer(from, byteOffset(source), target, 0, byteLength(source));
  }

  submit(): void {
    const encoder = this.#encoder;
    if (!encoder) return;
    this.#closePass();
    this.#profiler.resolve(encoder);
    // Were the submit refused, its results would read back as zeros: the scope tells of it.
    this.#faults.watch("validation", () => this.#device.queue.submit([encoder.finish()]));
    this.#profiler.collect();
    this.#counters.submits++;
    this.#encoder = undefined;
    this.#pending = 0;
    this.#named.clear();
  }

  destroy(): void {
    this.#none?.destroy();
  }

  #openPass(command: Command): GPUComputePassEncoder {
    if (!this.#pass) {
      this.#encoder ??= this.#device.createCommandEncoder();
      this.#pass = this.#encoder.beginComputePass(this.#profiler.passFor(command));
    }
    return this.#pass;
  }

  #closePass(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
  }
}

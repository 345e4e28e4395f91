import type { DeviceCounters } from "../device.js";
import type { KernelCall } from "../profile.js";
import { byteLength, byteOffset, type Slice, type Storage } from "../storage.js";
import type { Faults } from "./faults.js";
import { toDeviceError } from "./faults.js";
import { bufferOf, usage } from "./memory.js";
import type { Pipeline } from "./pipelines.js";
import type { Profiler } from "./profiler.js";

/** One dispatch, ready to encode. */
export interface Command {
  readonly name: string;
  readonly pipeline: Pipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  /** Ids of the blocks of memory it names. */
  readonly blocks: readonly number[];
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
  readonly #named = new Set<number>();
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: Pipeline | undefined;
  #pending = 0;
  /** Twelve zero bytes: a dispatch of no workgroups. */
  #none: GPUBuffer | undefined;
  #settled: Promise<void> = Promise.resolve();

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

  /** Resolves when the faults of everything submitted so far have been reported. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** Whether a command not yet submitted names the storage's block. */
  names({ id }: Storage): boolean {
    return this.#named.has(id);
  }

  dispatch(command: Command): void {
    this.#encode(command);
    for (const id of command.blocks) this.#named.add(id);
    this.#submitIfLong();
  }

  /** Dispatches recorded commands, which name `blocks` between them. */
  replay(commands: readonly Command[], blocks: readonly number[]): void {
    for (const command of commands) {
      this.#encode(command);
      this.#submitIfLong();
    }
    // Also those of commands submitted just now: at worst a write submits the rest early.
    if (this.#encoder) for (const id of blocks) this.#named.add(id);
  }

  /**
   * A software adapter's driver makes a kernel's machine code when it is first dispatched, on the
   * queue: a dispatch of no workgroups is enough. Resolves when it is made.
   */
  async warmUp({ pipeline, group }: Command): Promise<void> {
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline.gpu);
    pass.setBindGroup(0, group);
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
    pass.setBindGroup(0, command.group);
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
    const from = bufferOf(source);
    this.#encoder.copyBufferToBuffer(from, byteOffset(source), target, 0, byteLength(source));
  }

  submit(): void {
    if (!this.#encoder) return;
    this.#closePass();
    this.#profiler.resolve(this.#encoder);
    // Were the submit refused, its results would read back as zeros: the scope tells of it.
    this.#device.pushErrorScope("validation");
    this.#device.queue.submit([this.#encoder.finish()]);
    this.#settled = this.#device.popErrorScope().then(
      (error) => {
        if (error) this.#faults.add(toDeviceError(error));
      },
      () => {}, // the device was lost, which Faults learns by itself
    );
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

import type { DeviceCounters } from "../device.js";
import type { KernelCalls, KernelName } from "../kernels.js";
import type { Pool } from "../pool.js";
import type { KernelCall } from "../profile.js";
import type { Slice } from "../storage.js";
import { BindGroups } from "./bindings.js";
import { lower } from "./kernels.js";
import type { Dispatch, GpuLowering } from "./lowering.js";
import type { GpuStorage } from "./memory.js";
import { Pipelines } from "./pipelines.js";
import type { Command } from "./stream.js";
import { foldWorkgroups } from "./workgroups.js";

/** Lowers kernel calls to commands: finds their pipelines and bind groups, lends scratch memory. */
export class Dispatcher {
  readonly #pipelines: Pipelines;
  readonly #groups: BindGroups;
  readonly #pool: Pool<GpuStorage>;
  readonly #emit: (command: Command) => void;
  readonly #lowering: GpuLowering;
  readonly #scratch: GpuStorage[] = [];
  /** The call being lowered, where a profile will ask for it, and its dispatches so far. */
  #call: KernelCall | undefined;
  #dispatches = 0;

  constructor(
    gpu: GPUDevice,
    counters: DeviceCounters,
    pool: Pool<GpuStorage>,
    adapter: Omit<GpuLowering, "dispatch" | "scratch">,
    emit: (command: Command) => void,
  ) {
    this.#pipelines = new Pipelines(gpu, counters);
    this.#groups = new BindGroups(gpu, counters);
    this.#pool = pool;
    this.#emit = emit;
    this.#lowering = {
      ...adapter,
      scratch: (elements) => this.#lend(elements),
      dispatch: (dispatch) => this.#dispatch(dispatch),
    };
  }

  /** @param traced whether a profile may ask which call a command is part of */
  run<K extends KernelName>(kernel: K, call: KernelCalls[K], traced: boolean): void {
    if (traced) this.#call = { kernel, call };
    this.lower((gpu) => lower(gpu, kernel, call));
  }

  /** Emits what `body` dispatches, and takes its scratch memory back. */
  lower(body: (gpu: GpuLowering) => void): void {
    this.#dispatches = 0;
    try {
      body(this.#lowering);
    } finally {
      this.#call = undefined;
      // Queue order makes scratch memory free for the next call at once.
      for (const storage of this.#scratch.splice(0)) this.#pool.release(storage);
    }
  }

  /** Compiles what the commands need and is missing; `warmUp` follows with a user of each pipeline. */
  compile(
    commands: readonly Command[],
    onProgress?: (done: number, all: number) => void,
    warmUp?: (command: Command) => Promise<void>,
  ): Promise<void> {
    const users = new Map(commands.map((command) => [command.pipeline, command]));
    return this.#pipelines.compile(users.keys(), onProgress, async (pipeline) => {
      const user = users.get(pipeline);
      if (user) await warmUp?.(user);
    });
  }

  /** Resolves when nothing is being compiled. */
  get settled(): Promise<unknown> {
    return this.#pipelines.settled;
  }

  destroy(): void {
    this.#groups.destroyAll();
  }

  #lend(elements: number): Slice {
    const storage = this.#pool.allocate(elements * 4, "scratch");
    this.#scratch.push(storage);
    return { storage, offset: 0, length: elements };
  }

  #dispatch(dispatch: Dispatch): void {
    const pipeline = this.#pipelines.get(dispatch);
    this.#emit({
      name: pipeline.name,
      pipeline,
      group: this.#groups.get(dispatch, pipeline),
      workgroups: foldWorkgroups(dispatch),
      blocks: dispatch.bindings.map((binding) => binding.slice.storage.id),
      call: this.#call,
      index: this.#dispatches++,
    });
  }
}

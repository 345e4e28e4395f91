import { CaptureLog, noteCall, noteWrite } from "../capture-log.js";
import type { KernelChoice, VariantNotes } from "../choices.js";
import type { Device, DeviceCounters, DeviceInfo, Recording } from "../device.js";
import { DeviceError, DeviceLostError, LimitError } from "../errors.js";
import type { Memory } from "../idle-blocks.js";
import { type KernelCalls, type KernelName, kernels } from "../kernels.js";
import { pending } from "../pending.js";
import { newCounters, Pool, type RecordedMemory } from "../pool.js";
import { checkLive, type PooledStorage } from "../pooled-storage.js";
import type { Scope } from "../scope.js";
import { type Slice, type Storage, storagesOf } from "../storage.js";
import { synchronous } from "../synchronous.js";
import type { Blocks } from "./blocks.js";
import { observeConvVariants } from "./conv-variant.js";
import type { Executor } from "./executor.js";
import type { Lowering } from "./lowering.js";
import type { LinearMemory } from "./memory.js";
import type { Queue } from "./queue.js";
import { CpuRecording } from "./recording.js";

interface Block extends Memory {
  readonly address: number;
  /** Once the queue has passed it, no command uses the block while it is idle. */
  fence: number;
}

type CpuStorage = PooledStorage<Block>;

/** What `openCpuDevice` puts together. */
export interface CpuParts {
  readonly memory: LinearMemory;
  readonly blocks: Blocks;
  readonly queue: Queue;
  readonly executor: Executor;
  readonly info: DeviceInfo;
  /** Export names of the kernels in function table order. */
  readonly kernels: readonly string[];
}

/** WebAssembly SIMD kernels that worker threads run from a command list in shared memory. */
export class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly info: DeviceInfo;
  readonly maxStorageBytes: number;
  readonly #parts: CpuParts;
  readonly #counters = newCounters();
  readonly #pool: Pool<Block>;
  readonly #slots: ReadonlyMap<string, number>;
  readonly #lowering: Lowering;
  #kernel: KernelName = "copy";
  /** Commands of the current call; they are appended only when all of it could be lowered. */
  readonly #lowered: { slot: number; params: readonly number[] }[] = [];
  readonly #scratch: CpuStorage[] = [];
  #recording: CpuRecording | null = null;
  #capturing: CaptureLog | undefined;
  #destroyed = false;

  /** Use `openCpuDevice`. */
  constructor(parts: CpuParts) {
    this.#parts = parts;
    this.info = parts.info;
    const { executor, memory, blocks } = parts;
    this.#slots = new Map(parts.kernels.map((name, i) => [name, executor.firstSlot + i]));
    // What is left beside the command list and a little staging memory.
    this.maxStorageBytes = Math.max(256, Math.floor((memory.maxBytes - (1 << 20)) / 256) * 256);
    this.#pool = new Pool<Block>(
      {
        maxBytes: memory.maxBytes,
        create: (id, bytes) => {
          const address = blocks.allocate(bytes);
          return address === null ? null : { id, bytes, address, fence: 0 };
        },
        destroy: (idle) => {
          for (const { address, bytes, fence } of idle) blocks.free(address, bytes, fence);
        },
        idle: (block) => {
          block.fence = parts.queue.nextFence;
        },
      },
      this.#counters,
      this.maxStorageBytes,
    );
    parts.queue.onFull = () => this.#pool.trim();
    this.#lowering = {
      threads: executor.threads,
      address: (slice) => this.#address(slice),
      scratch: (bytes) => this.#allocateScratch(bytes),
      command: (kernel, params) => {
        const slot = this.#slots.get(kernel);
        if (slot === undefined) throw new DeviceError(`the CPU device has no kernel ${kernel}`);
        this.#lowered.push({ slot, params });
      },
    };
  }

  get counters(): Readonly<DeviceCounters> {
    this.#counters.submits = this.#parts.queue.submits;
    return this.#counters;
  }

  get capturing(): CaptureLog | undefined {
    return this.#capturing;
  }

  allocate(bytes: number, label: string): Storage {
    this.#assertOpen();
    return this.#pool.allocate(bytes, label);
  }

  release(storage: Storage): void {
    if (!this.#destroyed) this.#pool.release(storage as CpuStorage);
  }

  scope(): Scope {
    return this.#pool.scope();
  }

  keep(storage: Storage): void {
    this.#pool.keep(storage as CpuStorage);
  }

  run<K extends KernelName>(kernel: K, call: KernelCalls[K]): void {
    this.#assertOpen();
    this.#pool.use(
      () => storagesOf(call),
      kernel,
      () => this.#lower(kernel, call),
    );
    noteCall(kernel, call, this.#capturing);
  }

  #lower<K extends KernelName>(kernel: K, call: KernelCalls[K]): void {
    this.#kernel = kernel;
    try {
      kernels[kernel].cpu(call, this.#lowering);
      for (const { slot, params } of this.#lowered) this.#append(slot, params);
    } finally {
      this.#lowered.length = 0;
      for (const storage of this.#scratch) this.#pool.release(storage);
      this.#scratch.length = 0;
    }
  }

  write(target: Slice, data: ArrayBufferView): void {
    this.#assertOpen();
    const bytes = data.byteLength;
    const { label } = target.storage;
    if (bytes % 4 !== 0 || bytes > 4 * target.length) {
      throw new LimitError(
        `a write of ${bytes} bytes to ${label} must be a multiple of 4 and at most its ` +
          `${4 * target.length} bytes`,
      );
    }
    this.#assertWords(target);
    checkLive(target.storage, "write");
    const { queue, memory } = this.#parts;
    const staged = queue.hostBlock(bytes, `a write to ${label}`);
    memory
      .view(staged, bytes)
      .set(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, bytes));
    this.#pool.use(
      () => [target.storage],
      "write",
      () => this.#append(this.#slot("copy"), [staged, this.#address(target, "write"), bytes / 4]),
    );
    if (this.#recording) this.#recording.hold(staged, bytes);
    else queue.freeHostBlock(staged, bytes);
    noteWrite(target, this.#capturing);
  }

  read(source: Slice): Promise<ArrayBuffer> {
    return pending(this.#read(source));
  }

  async #read(source: Slice): Promise<ArrayBuffer> {
    this.#assertOpen();
    this.#assertNotCapturing("read");
    const bytes = 4 * source.length;
    const from = this.#address(source, "read");
    const { queue, memory } = this.#parts;
    const staged = queue.hostBlock(bytes, `a read of ${source.storage.label}`);
    this.#append(this.#slot("copy"), [from, staged, source.length]);
    await queue.done();
    const result = new ArrayBuffer(bytes);
    new Uint8Array(result).set(memory.view(staged, bytes));
    queue.freeHostBlock(staged, bytes);
    return result;
  }

  flush(): void {
    if (!this.#recording) this.#parts.queue.flush();
  }

  finish(): Promise<void> {
    return pending(this.#finish());
  }

  async #finish(): Promise<void> {
    this.#assertOpen();
    this.#assertNotCapturing("finish");
    await this.#parts.queue.done();
  }

  capture(body: () => void): Recording {
    this.#assertOpen();
    this.#assertNotCapturing("capture");
    const log = new CaptureLog();
    const recording = new CpuRecording(this.#parts.queue, (commands) => {
      this.#assertOpen();
      this.#assertNotCapturing("replay");
      log.replay();
      this.#counters.dispatches += commands;
    });
    this.#recording = recording;
    this.#capturing = log;
    let memory: RecordedMemory<Block> | undefined;
    try {
      memory = this.#pool.capture(() => synchronous("capture", body()));
      recording.close(memory);
    } finally {
      this.#recording = null;
      this.#capturing = undefined;
      log.end(memory?.outer);
      if (!memory) recording.release();
    }
    return recording;
  }

  choices(body: () => void): KernelChoice[] {
    return observeConvVariants(() => this.capture(body).release());
  }

  noteVariants(): VariantNotes {
    return { ran: new Map(), [Symbol.dispose]() {} };
  }

  useVariants(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    const done = this.#parts.queue.done();
    this.#destroyed = true;
    try {
      await done;
    } finally {
      await this.#parts.executor.destroy();
    }
  }

  #append(slot: number, params: readonly number[]): void {
    if (this.#recording) {
      this.#recording.list.append(slot, params);
      this.#recording.commands++;
    } else {
      this.#parts.queue.append(slot, params);
      this.#counters.dispatches++;
    }
  }

  #slot(kernel: string): number {
    return this.#slots.get(kernel) ?? 0;
  }

  #address(slice: Slice, user: string = this.#kernel): number {
    this.#assertWords(slice);
    return (slice.storage as CpuStorage).memoryFor(user).address + 4 * slice.offset;
  }

  #allocateScratch(bytes: number): number {
    const storage = this.#pool.lend(bytes, `scratch memory of ${this.#kernel}`);
    this.#scratch.push(storage);
    return storage.memoryFor(this.#kernel).address;
  }

  #assertWords({ type, storage }: Slice): void {
    if (!type) return;
    throw new DeviceError(
      `${storage.label} holds ${type} elements, which the CPU device cannot compute with; ` +
        "use float32 here, or a WebGPU device with the feature shader-f16",
    );
  }

  #assertOpen(): void {
    if (this.#destroyed) {
      throw new DeviceLostError("the CPU device was destroyed; open a new one");
    }
  }

  #assertNotCapturing(what: string): void {
    if (this.#recording) {
      throw new DeviceError(`${what} inside capture: only run and write can be recorded`);
    }
  }
}

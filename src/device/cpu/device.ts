import { CaptureLog, noteCall, noteWrite } from "../capture-log.js";
import type { KernelChoice, VariantNotes } from "../choices.js";
import type { Device, DeviceCounters, DeviceInfo, Recording } from "../device.js";
import { DeviceError, DeviceLostError, LimitError, ReleasedError } from "../errors.js";
import type { KernelCalls, KernelName } from "../kernels.js";
import { newCounters, Pool } from "../pool.js";
import type { Scope } from "../scope.js";
import type { Slice, Storage } from "../storage.js";
import { synchronous } from "../synchronous.js";
import type { Blocks } from "./blocks.js";
import { observeConvVariants } from "./conv-variant.js";
import type { Executor } from "./executor.js";
import type { Lowering } from "./lowering.js";
import { lowerings } from "./lowerings.js";
import type { LinearMemory } from "./memory.js";
import type { Queue } from "./queue.js";
import { CpuRecording } from "./recording.js";

interface Block extends Storage {
  readonly address: number;
}

const blockOf = (id: number, bytes: number, label: string, address: number): Block => {
  return { id, bytes, label, live: true, kept: false, writes: undefined, address };
};

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
  readonly #scratch: Block[] = [];
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
        create: (id, bytes, label) => this.#create(id, bytes, label),
        reuse: ({ id, bytes, address }, label) => blockOf(id, bytes, label, address),
        destroy: ({ address, bytes }) => blocks.free(address, bytes, parts.queue.nextFence),
      },
      this.#counters,
      this.maxStorageBytes,
    );
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

  allocate(bytes: number, label: string, lasting = false): Storage {
    this.#assertOpen();
    const storage = this.#pool.allocate(bytes, label, lasting);
    if (!lasting) this.#capturing?.made(storage);
    return storage;
  }

  release(storage: Storage): void {
    if (!this.#destroyed) this.#pool.release(storage as Block);
  }

  scope(): Scope {
    return this.#pool.scope();
  }

  keep(storage: Storage): void {
    this.#pool.keep(storage as Block);
  }

  run<K extends KernelName>(kernel: K, call: KernelCalls[K]): void {
    this.#assertOpen();
    this.#kernel = kernel;
    try {
      lowerings[kernel](call, this.#lowering);
      for (const { slot, params } of this.#lowered) this.#append(slot, params);
      noteCall(kernel, call, this.#capturing);
    } finally {
      this.#lowered.length = 0;
      for (const block of this.#scratch) this.#pool.release(block);
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
    const to = this.#address(target);
    const { queue, memory } = this.#parts;
    const staged = queue.hostBlock(bytes, `a write to ${label}`);
    memory
      .view(staged, bytes)
      .set(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, bytes));
    this.#append(this.#slot("copy"), [staged, to, bytes / 4]);
    if (this.#recording) this.#recording.hold(staged, bytes);
    else queue.freeHostBlock(staged, bytes);
    noteWrite(target, this.#capturing);
  }

  async read(source: Slice): Promise<ArrayBuffer> {
    this.#assertOpen();
    this.#assertNotCapturing("read");
    const bytes = 4 * source.length;
    const from = this.#address(source);
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

  async finish(): Promise<void> {
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
    this.#pool.enterPrivate();
    let failed = true;
    try {
      synchronous("capture", body());
      failed = false;
    } finally {
      this.#recording = null;
      this.#capturing = undefined;
      log.end();
      recording.close(this.#pool.leavePrivate());
      if (failed) recording.release();
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

  #address(slice: Slice): number {
    const block = slice.storage as Block;
    if (slice.type) {
      throw new DeviceError(
        `${block.label} holds ${slice.type} elements, which the CPU device cannot compute with; ` +
          "use float32 here, or a WebGPU device with the feature shader-f16",
      );
    }
    if (!block.live) {
      throw new ReleasedError(
        `${block.label} was used after its scope had released it; keep it, or use it inside`,
      );
    }
    return block.address + 4 * slice.offset;
  }

  #allocateScratch(bytes: number): number {
    const block = this.#pool.allocate(bytes, `scratch memory of ${this.#kernel}`);
    this.#scratch.push(block);
    return block.address;
  }

  #create(id: number, bytes: number, label: string): Block {
    const { blocks, memory } = this.#parts;
    let address = blocks.allocate(bytes);
    if (address === null) {
      this.#pool.trim();
      address = blocks.allocate(bytes);
    }
    if (address === null) {
      throw new LimitError(
        `${label} needs ${bytes} bytes, but of the CPU device's ${memory.maxBytes} bytes ` +
          `${this.#counters.bytesReserved} are in use; use a smaller batch or a narrower model`,
      );
    }
    return blockOf(id, bytes, label, address);
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

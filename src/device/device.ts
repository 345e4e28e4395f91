import type { CaptureLog } from "./capture-log.js";
import type { KernelChoice, VariantMap, VariantNotes } from "./choices.js";
import type { KernelCalls, KernelName } from "./kernels.js";
import type { Scope } from "./scope.js";
import type { Slice, Storage } from "./storage.js";

export type DeviceKind = "cpu" | "webgpu";

export interface DeviceInfo {
  readonly kind: DeviceKind;
  /** The adapter's or processor's name, as shown to a person. */
  readonly name: string;
  /** True for a WebGPU adapter that runs on the processor (lavapipe, SwiftShader, WARP). */
  readonly software: boolean;
  /** Worker threads of the CPU device; 1 on WebGPU. */
  readonly threads: number;
  /** Optional features in use: "relaxed-simd", "timestamp-query", "shader-f16", ... */
  readonly features: readonly string[];
}

/** Running totals since the device was opened; tests read them to prove that a step is steady. */
export interface DeviceCounters {
  buffersCreated: number;
  bindGroupsCreated: number;
  pipelinesCreated: number;
  submits: number;
  dispatches: number;
  /** Bytes handed out and not released, and the highest value that has reached. */
  bytesInUse: number;
  peakBytes: number;
  /** Bytes held from the system, in use or pooled. */
  bytesReserved: number;
}

/** A fixed sequence of commands, replayed without shape logic. Its memory stays its own. */
export interface Recording {
  /**
   * Compiles what the commands need, side by side and ahead of the first replay, which would
   * otherwise do it one by one. `onProgress` hears how much is done if there is anything to do.
   * Rejects with DeviceError.
   */
  ready(onProgress?: (done: number, all: number) => void): Promise<void>;
  /**
   * Enqueues the recorded commands again. Whatever differs from step to step is in slices. Throws
   * ReleasedError when memory they use was released.
   */
  replay(): void;
  /** Gives the recording's memory back. A second call throws ReleasedError. */
  release(): void;
}

/**
 * Where kernels run: an asynchronous queue. `run` and `write` enqueue and return at once, in order;
 * only `read` and `finish` wait, and there every fault since the last wait surfaces as an error.
 */
export interface Device {
  readonly kind: DeviceKind;
  readonly info: DeviceInfo;
  /** The largest single storage, in bytes. */
  readonly maxStorageBytes: number;
  readonly counters: Readonly<DeviceCounters>;
  /** What is being recorded, while `capture` runs its body. */
  readonly capturing: CaptureLog | undefined;

  /**
   * A storage of at least `bytes` bytes with undefined content, owned by the innermost scope. A
   * `lasting` one is owned by none, and inside of `capture` it shares no memory with what the captured
   * commands compute on the way: the host may write it between replays.
   */
  allocate(bytes: number, label: string, lasting?: boolean): Storage;
  /**
   * Gives a storage back to the pool. Commands already enqueued may still use it. Throws
   * ReleasedError when it was released before.
   */
  release(storage: Storage): void;
  /** Opens a scope: what is allocated until its end and not kept is released there. */
  scope(): Scope;
  /**
   * Takes a storage out of every scope: it lives until `release`. Throws ReleasedError when it was
   * released before.
   */
  keep(storage: Storage): void;

  run<K extends KernelName>(kernel: K, call: KernelCalls[K]): void;
  /** Copies `data` (a multiple of 4 bytes) to the start of `target`, in queue order. */
  write(target: Slice, data: ArrayBufferView): void;
  /** The bytes of a slice, after everything enqueued before. */
  read(source: Slice): Promise<ArrayBuffer>;
  /** Starts what is enqueued without waiting for it. */
  flush(): void;
  /** Resolves when everything enqueued is done; rejects with what went wrong on the way. */
  finish(): Promise<void>;
  /**
   * Runs `body` once and records the commands it would have enqueued; they run when the recording is
   * replayed, not before. `body` must be synchronous.
   */
  capture(body: () => void): Recording;
  /**
   * The variants that the kernel calls in `body` run, one choice for each class of shapes. `body` is
   * run as in `capture`: nothing is computed.
   */
  choices(body: () => void): KernelChoice[];
  /**
   * Notes which variants run from now on, until disposed, of the kernels whose variants can be tuned
   * or forced; the CPU device has none, it chooses by shape alone. Variants add in different orders:
   * bit-equal results take the same ones.
   */
  noteVariants(): VariantNotes;
  /**
   * Runs these variants and presets elsewhere, whatever was tuned or forced, until disposed. A call
   * whose variant the device does not have throws DeviceError.
   */
  useVariants(variants: VariantMap): Disposable;
  /** Waits for the queue, then frees everything. The process can exit afterwards. */
  destroy(): Promise<void>;
}

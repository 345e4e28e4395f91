import type { Backing } from "../block-store.js";
import type { DeviceCounters } from "../device.js";
import type { LimitError } from "../errors.js";
import type { Memory } from "../idle-blocks.js";
import type { PooledStorage } from "../pooled-storage.js";
import type { Slice } from "../storage.js";
import { type Faults, outOfMemory } from "./faults.js";

// Bits of GPUBufferUsage and GPUMapMode; the webgpu package defines no globals.
export const usage = {
  mapRead: 1,
  copySrc: 4,
  copyDst: 8,
  uniform: 64,
  storage: 128,
  indirect: 256,
  resolve: 512,
};
export const mapRead = 1;

export interface GpuBlock extends Memory {
  readonly label: string;
  buffer: GPUBuffer;
  /** Set when the GPU turned out to have no room for it. */
  refused: LimitError | null;
}

export type GpuStorage = PooledStorage<GpuBlock>;

/** The block that a slice lies in. Throws ReleasedError where it has none any more. */
export const blockOf = ({ storage }: Slice, user: string): GpuBlock =>
  (storage as GpuStorage).memoryFor(user);

/** What happens to memory around it. */
export interface GpuMemoryEvents {
  /** Idle buffers are about to be destroyed: no command may name them after this. */
  destroying(): void;
  /** The GPU had no room for a buffer. */
  refused(): void;
}

/** Where the pool's blocks come from: one GPUBuffer each. */
export class GpuMemory implements Backing<GpuBlock> {
  readonly maxBytes: number;
  readonly #device: GPUDevice;
  readonly #counters: DeviceCounters;
  readonly #faults: Faults;
  readonly #events: GpuMemoryEvents;
  readonly #all = new Set<GpuBlock>();
  /** Bytes the GPU did not have: nothing idle is held on to beyond this. */
  #tooMuch = Number.POSITIVE_INFINITY;

  constructor(
    device: GPUDevice,
    counters: DeviceCounters,
    faults: Faults,
    options: { maxBytes: number; events: GpuMemoryEvents },
  ) {
    this.#device = device;
    this.#counters = counters;
    this.#faults = faults;
    this.maxBytes = options.maxBytes;
    this.#events = options.events;
  }

  create(id: number, bytes: number, label: string, last: boolean): GpuBlock | null {
    const total = this.#counters.bytesReserved + bytes;
    if (total > this.maxBytes || (total > this.#tooMuch && !last)) return null;
    const buffer = this.#buffer(bytes, label, (error) => {
      this.#tooMuch = Math.min(this.#tooMuch, total - 1);
      block.refused = error;
      this.#events.refused();
    });
    const block: GpuBlock = { id, bytes, label, buffer, refused: null };
    this.#all.add(block);
    return block;
  }

  /**
   * Asks again for those of the blocks that the GPU had no room for, when it has done its work and
   * what was idle is given back. Their content is undefined, and bind groups hold their old buffers.
   * What is refused again is a fault.
   */
  async renew(blocks: readonly GpuBlock[]): Promise<void> {
    await this.#faults.reported;
    const wanted = blocks.filter(({ refused }) => refused);
    if (wanted.length === 0) return;
    this.#events.refused();
    await this.#device.queue.onSubmittedWorkDone();
    for (const block of wanted) {
      if (block.refused) this.#faults.forgive(block.refused);
      block.refused = null;
      block.buffer = this.#buffer(block.bytes, block.label, (error) => {
        block.refused = error;
      });
    }
    await this.#faults.reported;
  }

  #buffer(size: number, label: string, refused: (error: LimitError) => void): GPUBuffer {
    const create = () =>
      this.#device.createBuffer({
        ...{ label, size },
        usage: usage.storage | usage.copySrc | usage.copyDst,
      });
    return this.#faults.watch("out-of-memory", create, ({ message }) => {
      const error = outOfMemory(`${label} (${size} bytes): ${message}`);
      this.#faults.add(error);
      refused(error);
    });
  }

  destroy(blocks: readonly GpuBlock[]): void {
    this.#events.destroying();
    for (const block of blocks) {
      block.buffer.destroy();
      this.#all.delete(block);
    }
  }

  destroyAll(): void {
    for (const { buffer } of this.#all) buffer.destroy();
    this.#all.clear();
  }
}

/** Read-back buffers, reused; as many as reads were ever pending at once. */
export class Staging {
  readonly #device: GPUDevice;
  readonly #counters: DeviceCounters;
  readonly #free: GPUBuffer[] = [];

  constructor(device: GPUDevice, counters: DeviceCounters) {
    this.#device = device;
    this.#counters = counters;
  }

  /** The smallest free buffer that fits, or a new one. */
  take(bytes: number): GPUBuffer {
    let best = -1;
    for (const [i, buffer] of this.#free.entries()) {
      const rival = this.#free[best];
      if (buffer.size >= bytes && (!rival || buffer.size < rival.size)) best = i;
    }
    const [found] = best >= 0 ? this.#free.splice(best, 1) : [];
    if (found) return found;
    const size = Math.min(
      2 ** Math.ceil(Math.log2(Math.max(bytes, 256))),
      this.#device.limits.maxBufferSize,
    );
    this.#counters.buffersCreated++;
    this.#counters.bytesReserved += size;
    return this.#device.createBuffer({
      label: "read-back",
      size,
      usage: usage.mapRead | usage.copyDst,
    });
  }

  giveBack(buffer: GPUBuffer): void {
    this.#free.push(buffer);
  }

  destroyAll(): void {
    for (const buffer of this.#free.splice(0)) buffer.destroy();
  }
}

import type { DeviceCounters } from "../device.js";
import type { Backing } from "../pool.js";
import type { Slice, Storage } from "../storage.js";
import { type Faults, toDeviceError } from "./faults.js";

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

export interface GpuStorage extends Storage {
  readonly buffer: GPUBuffer;
}

export const bufferOf = (slice: Slice): GPUBuffer => (slice.storage as GpuStorage).buffer;

const storageOf = (id: number, bytes: number, label: string, buffer: GPUBuffer): GpuStorage => {
  return { id, bytes, label, live: true, kept: false, writes: undefined, buffer };
};

/** Where the pool's blocks come from: one GPUBuffer each. */
export class GpuMemory implements Backing<GpuStorage> {
  readonly #device: GPUDevice;
  readonly #faults: Faults;
  readonly #all = new Set<GPUBuffer>();

  constructor(device: GPUDevice, faults: Faults) {
    this.#device = device;
    this.#faults = faults;
  }

  create(id: number, bytes: number, label: string): GpuStorage {
    this.#device.pushErrorScope("out-of-memory");
    const buffer = this.#device.createBuffer({
      label,
      size: bytes,
      usage: usage.storage | usage.copySrc | usage.copyDst,
    });
    this.#device.popErrorScope().then(
      (error) => error && this.#faults.add(toDeviceError(error, `${label} (${bytes} bytes): `)),
      () => {}, // the device was lost, which Faults learns by itself
    );
    this.#all.add(buffer);
    return storageOf(id, bytes, label, buffer);
  }

  reuse({ id, bytes, buffer }: GpuStorage, label: string): GpuStorage {
    return storageOf(id, bytes, label, buffer);
  }

  destroy({ buffer }: GpuStorage): void {
    buffer.destroy();
    this.#all.delete(buffer);
  }

  destroyAll(): void {
    for (const buffer of this.#all) buffer.destroy();
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

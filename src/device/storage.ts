/** A block of device memory. Its bytes are the pool's size class, at least what was asked for. */
export interface Storage {
  readonly id: number;
  readonly bytes: number;
  /** What the block holds, for error messages. */
  label: string;
  /** False once it has gone back to the pool. */
  live: boolean;
  /** True when no scope owns it: it lives until it is released by name. */
  kept: boolean;
  /** How often it went back to the pool: tells its present owner from earlier ones. */
  generation: number;
}

/** A span of a storage, in 32-bit elements. `offset` is a multiple of `sliceAlignment`. */
export interface Slice {
  readonly storage: Storage;
  readonly offset: number;
  readonly length: number;
}

/** 256 bytes: WebGPU's minStorageBufferOffsetAlignment, and whole cache lines on a CPU. */
export const sliceAlignment = 64;

export const alignElements = (elements: number): number =>
  Math.ceil(elements / sliceAlignment) * sliceAlignment;

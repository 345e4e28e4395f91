import type { WriteLog } from "./write-log.js";

/**
 * What one owner has of a block of device memory, from `allocate` to `release`; the block's next
 * owner gets another Storage. Its bytes are the pool's size class, at least what was asked for.
 */
export interface Storage {
  /** The block's. */
  readonly id: number;
  readonly bytes: number;
  /** What the block holds, for error messages. */
  label: string;
  /** False once it was released, for ever. */
  live: boolean;
  /** True when no scope owns it: it lives until it is released by name. */
  kept: boolean;
  /** When its parts were last written, from when on that matters to somebody. */
  writes: WriteLog | undefined;
}

/**
 * A span of a storage, in elements: of 32 bits, or 16-bit floats where `type` says so. It begins at
 * a multiple of 256 bytes.
 */
export interface Slice {
  readonly storage: Storage;
  readonly offset: number;
  readonly length: number;
  /** Absent on 32-bit elements. Only devices with the feature "shader-f16" take halves. */
  readonly type?: "f16";
}

/** Elements of 32 bits in 256 bytes: WebGPU's minStorageBufferOffsetAlignment, whole cache lines. */
export const sliceAlignment = 64;

export const bytesPerElement = ({ type }: Slice): 2 | 4 => (type === "f16" ? 2 : 4);

export const byteOffset = (slice: Slice): number => slice.offset * bytesPerElement(slice);

/** The slice's bytes in whole words, as reads and writes count them. */
export const byteLength = (slice: Slice): number =>
  Math.ceil((slice.length * bytesPerElement(slice)) / 4) * 4;

export const alignElements = (elements: number): number =>
  Math.ceil(elements / sliceAlignment) * sliceAlignment;

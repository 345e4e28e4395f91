import type { WriteLog } from "./write-log.js";

/**
 * Memory that somebody owns, from `allocate` to `release`. Afterwards it is never another owner's,
 * though its block of memory may be.
 */
export interface Storage {
  /** The pool's size class, at least what was asked for. */
  readonly bytes: number;
  /** What it holds, for error messages. */
  readonly label: string;
  /** False once it was released, for ever. */
  readonly live: boolean;
  /** True when no scope owns it: it lives until it is released by name. */
  readonly kept: boolean;
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

/** The storages that a kernel call names. */
export function storagesOf(call: object): Set<Storage> {
  const found = new Set<Storage>();
  for (const field of Object.values(call)) {
    for (const value of Array.isArray(field) ? field : [field]) {
      if (value === null || typeof value !== "object") continue;
      const slice: Partial<Slice> = "slice" in value ? value.slice : value;
      if (slice.storage) found.add(slice.storage);
    }
  }
  return found;
}

export { float32Bits } from "../float32.js";

import type { Slice } from "../storage.js";

/**
 * What a kernel call is lowered to on the CPU device: commands that every thread runs in order,
 * with a barrier after each. A command names an export of the compiled kernels with the signature
 * `(thread: i32, threads: i32, params: usize)`; `params` is the address of its 32-bit words.
 */
export interface Lowering {
  readonly threads: number;
  /** The byte address of a slice in the kernels' memory. */
  address(slice: Slice): number;
  /** The byte address of scratch memory that lasts for the commands of this call (64-byte aligned). */
  scratch(bytes: number): number;
  command(kernel: string, params: readonly number[]): void;
}

/** The byte address of a slice that need not be there: 0 then. */
export const optional = (slice: Slice | null, { address }: Lowering): number =>
  slice ? address(slice) : 0;

import type { Lowering } from "../cpu/lowering.js";
import { bytesPerElement, type Slice } from "../storage.js";
import type { GpuLowering } from "../webgpu/lowering.js";

/** A row of the kernel table, for a call of this type. */
export interface Kernel<Call> {
  /** The slices it writes, some of them in place; all others it only reads. */
  readonly writes: readonly (keyof Call & string)[];
  /** Operations and bytes, counted from the call's shapes. */
  cost(call: Call): CallCost;
  /** Its dispatches on the WebGPU device. */
  webgpu(gpu: GpuLowering, call: Call): void;
  /** Its commands on the CPU device. */
  cpu(call: Call, lowering: Lowering): void;
}

/** Rows by name. */
export type Kernels<Calls> = { readonly [K in keyof Calls]: Kernel<Calls[K]> };

/** What a kernel call is by its definition, whichever way a device computes it. */
export interface CallCost {
  /** The row of a profile: the kernel, with its operation where it has several. */
  readonly name: string;
  readonly shape: string;
  /**
   * Floating-point operations of the definition; a multiply-add is two. An algorithm may do fewer
   * (Winograd) or more (a transform): the rate against these is what the caller gets.
   */
  readonly flops: number;
  /**
   * Bytes that must move: every operand read once and every result written once, but x of a
   * training batch norm (and dy backward) twice, because statistics precede their use.
   */
  readonly bytes: number;
}

export const cost = (
  name: string,
  shape: readonly number[] | string,
  flops: number,
  bytes: number,
): CallCost => ({
  ...{ name, flops, bytes },
  shape: typeof shape === "string" ? shape : shape.join("x"),
});

export const bytesOf = (...slices: readonly (Slice | null)[]): number =>
  slices.reduce((sum, slice) => sum + (slice ? slice.length * bytesPerElement(slice) : 0), 0);

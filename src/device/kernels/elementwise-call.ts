import type { ElementwiseKernel, IntegerOp } from "../elementwise.js";
import type { Slice } from "../storage.js";

export interface ElementwiseCalls {
  /** out[i] := expression(inputs[i]); operands in `operandsOf` order, each with its own strides. */
  elementwise: ElementwiseCall;
  /** As elementwise, of `integerTable`: operands and results are u32, or f32 as `integerTypes` says. */
  integer: Omit<ElementwiseCall, "kernel" | "scalars"> & { op: IntegerOp };
}

export interface ElementwiseCall {
  kernel: ElementwiseKernel;
  /** One operand per name of `operandsOf`; strides in elements, 0 on broadcast dimensions. */
  inputs: readonly { slice: Slice; strides: readonly number[] }[];
  out: Slice;
  /** Shape of the contiguous output (rank <= 6). */
  shape: readonly number[];
  /** The scalars p and q. They are static: what changes from step to step is an operand. */
  scalars: readonly [p: number, q: number];
}

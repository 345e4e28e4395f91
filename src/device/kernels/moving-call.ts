import type { Slice } from "../storage.js";

export interface MovingCalls {
  /** dst := src, same length, any element type. */
  copy: { src: Slice; dst: Slice };
  /** dst := value (f32). */
  fill: { dst: Slice; value: number };
  move: MoveCall;
}

/**
 * out[to.offset + i . to.strides] := x[from.offset + i . from.strides] for every index i of `shape`
 * (rank <= 12), x and out of one element type. Strides may be negative, those of x also 0; no two
 * indices write one element. With `add` (f32 alone) the element is added to what is there: in place.
 */
export interface MoveCall {
  x: Slice;
  out: Slice;
  shape: readonly number[];
  from: Steps;
  to: Steps;
  add: boolean;
}

/** Where index 0 lies in a slice, and how far it is to the next in each dimension, in elements. */
export interface Steps {
  offset: number;
  strides: readonly number[];
}

import type { Slice } from "../storage.js";

export interface MovingCalls {
  /** dst := src, same length, any element type. */
  copy: { src: Slice; dst: Slice };
  /** dst := value (f32). */
  fill: { dst: Slice; value: number };
  /** out := x with dimension i of the result taken from dimension perm[i] of x (rank <= 6). */
  permute: { x: Slice; out: Slice; shape: readonly number[]; perm: readonly number[] };
}

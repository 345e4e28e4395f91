import { synchronous } from "../device/synchronous.js";
import type { OpBackward, Tensor } from "../tensor/tensor.js";
import { Saved } from "./saved.js";

let recording = true;

/**
 * Runs `body` without recording: results have no gradient graph.
 *
 * @throws TypeError when `body` is asynchronous: recording goes on at its first await
 */
export function noGrad<T>(body: () => T): T {
  const before = recording;
  recording = false;
  try {
    return synchronous("noGrad", body());
  } finally {
    recording = before;
  }
}

/** True where an op on these inputs would be recorded for a backward pass. */
export const records = (inputs: readonly Tensor[]): boolean => recording && inputs.some(tracked);

/** True if a gradient will be asked of this tensor. */
export const tracked = (x: Tensor): boolean => x.requiresGrad || x.node !== undefined;

/**
 * Ends an op: remembers how `out` was made, if gradients are being recorded and an input is
 * tracked. Ops call this last. `saved` is every tensor whose values `backward` reads besides the
 * gradient it is given; a backward pass checks that they are still what they are now.
 */
export function record(
  name: string,
  out: Tensor,
  inputs: readonly Tensor[],
  saved: readonly Tensor[],
  backward: OpBackward,
): Tensor {
  if (!records(inputs)) return out;
  out.node = {
    name,
    inputs: inputs.map((x) => (tracked(x) ? x : undefined)),
    saved: saved.map((x) => new Saved(x)),
    backward,
    spent: false,
  };
  return out;
}

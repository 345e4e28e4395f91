import type { Device } from "../device/device.js";
import { empty, tensor } from "../tensor/create.js";
import type { Shape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** The words a random op draws from: a seed and what tells this draw from others. */
export const randomState = (seed: number, stream = 0, step = 0): Uint32Array =>
  new Uint32Array([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, stream >>> 0, step >>> 0]);

/**
 * Uniform numbers in [low, high), the same on every device (Philox4x32-10, Salmon et al. 2011).
 * `state` is a u32 tensor [4] from `randomState`, or the seed itself.
 */
export function uniform(
  device: Device,
  shape: Shape,
  state: Tensor | number,
  low = 0,
  high = 1,
): Tensor {
  return draw("uniform", device, shape, state, low, high);
}

/** Normal numbers by Box and Muller's transform; devices differ in the last bits of log and cosine. */
export function normal(
  device: Device,
  shape: Shape,
  state: Tensor | number,
  mean = 0,
  deviation = 1,
): Tensor {
  return draw("normal", device, shape, state, mean, deviation);
}

function draw(
  op: "uniform" | "normal",
  device: Device,
  shape: Shape,
  state: Tensor | number,
  low: number,
  high: number,
): Tensor {
  const words = typeof state === "number" ? tensor(device, randomState(state), [4], "u32") : state;
  const out = empty(device, shape, "f32", op);
  if (out.size > 0) device.run("random", { op, out: out.slice, state: words.slice, low, high });
  return out;
}

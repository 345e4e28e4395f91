import { Philox } from "../../src/tensor/random.js";
import { type Shape, sizeOf } from "../../src/tensor/shape.js";

/** Seeded values in [low, high) that keep at least `gap` away from 0. */
export function values(shape: Shape, seed: number, low = -2, high = 2, gap = 0.05): Float32Array {
  const random = new Philox(seed, 0, "test values");
  return Float32Array.from({ length: sizeOf(shape) }, () => {
    const x = random.uniform(low, high);
    return Math.abs(x) < gap ? Math.sign(x || 1) * gap + x : x;
  });
}

export function labelsOf(count: number, classes: number, seed: number): Uint32Array {
  const random = new Philox(seed, 0, "test labels");
  return Uint32Array.from({ length: count }, () => random.integer(classes));
}

import type { Philox } from "../tensor/random.js";
import { type Shape, sizeOf } from "../tensor/shape.js";

/** Draws the values of a parameter in the state_dict's layout. */
export type Initialiser = (shape: Shape, random: Philox) => Float32Array;

/** Inputs to one output unit: all dimensions but the first, as PyTorch counts them. */
const fanIn = (shape: Shape): number => sizeOf(shape.slice(1));
const fanOut = (shape: Shape): number => (shape[0] ?? 1) * sizeOf(shape.slice(2));

export const constant =
  (value: number): Initialiser =>
  (shape) =>
    new Float32Array(sizeOf(shape)).fill(value);

/** U(-bound, bound). */
export const uniformWithin =
  (bound: number): Initialiser =>
  (shape, random) =>
    Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound));

/**
 * U(-1 / sqrt(fan), 1 / sqrt(fan)): PyTorch's default for convolution and linear layers (its
 * Kaiming-uniform with a = sqrt(5) comes to this), and the law FST re-draws the head from.
 * A bias takes the fan-in of its weight.
 */
export const uniformFanIn =
  (fan?: number): Initialiser =>
  (shape, random) =>
    uniformWithin(1 / Math.sqrt(fan ?? fanIn(shape)))(shape, random);

/** N(0, deviation^2). */
export const normalInit =
  (deviation: number): Initialiser =>
  (shape, random) =>
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal(0, deviation));

/** N(0, 2 / fan) (He et al. 2015, equations 10 and 14). */
export const kaimingNormal =
  (mode: "in" | "out" = "in"): Initialiser =>
  (shape, random) => {
    const deviation = Math.sqrt(2 / (mode === "in" ? fanIn(shape) : fanOut(shape)));
    return Float32Array.from({ length: sizeOf(shape) }, () => random.normal(0, deviation));
  };

/** U(-b, b), b = sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010, equation 16). */
export const xavierUniform = (): Initialiser => (shape, random) =>
  uniformWithin(Math.sqrt(6 / (fanIn(shape) + fanOut(shape))))(shape, random);

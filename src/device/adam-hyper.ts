export interface AdamSettings {
  readonly lr: number;
  /** Decay rates of the two moments, in [0, 1). */
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  readonly decoupled: boolean;
}

/**
 * What the kernels `adamCount` and `adam` call `hyper`: lr, betas, eps, weightDecay, decoupled, then
 * what a float32 beta cannot give to all its digits: 1 - beta of both, ln(beta) of both in two parts.
 */
export function adamHyper({ lr, betas, eps, weightDecay, decoupled }: AdamSettings): number[] {
  const rests = betas.map((beta) => 1 - beta);
  const logarithms = betas.flatMap((beta) => twoParts(Math.max(Math.log(beta), lowest)));
  return [lr, ...betas, eps, weightDecay, Number(decoupled), ...rests, ...logarithms];
}

/** Below this the power of a beta is 0 beside 1, from the first step on. */
const lowest = -104;

/** A number as a float32 of 12 significant bits, whose product with another such is exact, and the rest. */
function twoParts(x: number): [high: number, low: number] {
  const word = new Float32Array([x]);
  const bits = new Uint32Array(word.buffer);
  bits[0] = (bits[0] ?? 0) & 0xfffff000;
  const high = word[0] ?? 0;
  return [high, Math.fround(x - high)];
}

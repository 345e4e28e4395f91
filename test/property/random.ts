import { Philox } from "../../src/tensor/random.js";
import { MeaninglessProgram } from "./reference/tensors.js";

/** Choices from a seed. */
export class Choices {
  readonly #random: Philox;

  constructor(seed: number, attempt: number) {
    this.#random = new Philox(seed, attempt, "property test");
  }

  chance(probability: number): boolean {
    return this.#random.uniform() < probability;
  }

  /** In low .. high, both included. */
  integer(low: number, high: number): number {
    return low + this.#random.integer(high - low + 1);
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new MeaninglessProgram("there is nothing to pick from");
    return from[this.#random.integer(from.length)] as T;
  }

  /** Rather one of the last. */
  recent<T>(from: readonly T[]): T {
    return this.chance(0.6) ? this.pick(from.slice(-3)) : this.pick(from);
  }

  /** One of the keys, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let at = this.#random.uniform() * entries.reduce((sum, [, w]) => sum + w, 0);
    for (const [key, weight] of entries) {
      at -= weight;
      if (at < 0) return key;
    }
    return (entries.at(-1) as [K, number])[0];
  }

  shuffled<T>(from: readonly T[]): T[] {
    return Array.from(this.#random.permutation(from.length), (i) => from[i] as T);
  }

  /** Exact in float32. */
  values(count: number, low: number, high: number): number[] {
    return Array.from({ length: count }, () => Math.fround(this.#random.uniform(low, high)));
  }
}

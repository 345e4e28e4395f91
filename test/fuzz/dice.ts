import { word } from "../support/random.js";

/** Random choices by counter: one seed gives one input, on every machine. */
export class Dice {
  readonly #seed: number;
  #rolls = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** 0 .. sides - 1. */
  int(sides: number): number {
    return word(this.#seed, this.#rolls++) % sides;
  }

  /** True once in so many. */
  once(sides: number): boolean {
    return this.int(sides) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)] as T;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(256));
  }

  /** Small mostly, and now and then what breaks arithmetic. */
  size(): number {
    if (!this.once(6)) return this.int(6);
    return this.pick([7, 64, 255, 256, 65_535, 2 ** 20, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 53 - 1]);
  }
}

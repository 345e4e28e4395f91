import { Philox } from "../tensor/random.js";
import type { FloatType } from "../tensor/tensor.js";
import { HalfArray, halves } from "./half-array.js";

/**
 * Draws the operands of a call, none of them zero by chance alone: activations as the pass stores
 * them, everything else as f32 or words. Results begin with a number that no kernel gives.
 */
export class Draw {
  /** What activations are stored as. */
  readonly stored: FloatType;
  readonly #random: Philox;

  /** @param what a name; other names have other numbers */
  constructor(stored: FloatType, what: string) {
    this.stored = stored;
    this.#random = new Philox(0, 0, what);
  }

  /** float32 numbers in [low, high). */
  floats(length: number, low = -1, high = 1): Float64Array {
    const draw = (): number => Math.fround(this.#random.uniform(low, high));
    return Float64Array.from({ length }, draw);
  }

  /** Activations in [low, high). */
  values(length: number, low = -1, high = 1): Float64Array {
    return this.store(this.floats(length, low, high));
  }

  /** Activations that are multiples of 1/4: many are equal, some lie at the kinks of functions. */
  ties(length: number, low = -2, high = 2): Float64Array {
    const first = Math.ceil(4 * low);
    const count = Math.floor(4 * high) - first + 1;
    const draw = (): number => (first + this.#random.integer(count)) / 4;
    return this.store(Float64Array.from({ length }, draw));
  }

  /** `ties` of which some are NaN or infinite. */
  spoilt(length: number): Float64Array {
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    const others = [nan, nan, inf, -inf];
    return this.ties(length).map((x) => {
      const w = this.#random.integer(40);
      return others[w] ?? x;
    });
  }

  words(length: number): Uint32Array {
    return Uint32Array.from({ length }, () => this.#random.uint32());
  }

  /** Integers in [0, bound). */
  integers(length: number, bound: number): Uint32Array {
    return Uint32Array.from({ length }, () => this.#random.integer(bound));
  }

  /** Numbers as activations are stored. */
  store(values: Float64Array): Float64Array {
    return this.stored === "f16" ? halves(values) : values;
  }

  /** Memory for activations. */
  result(length: number): Float64Array {
    const made = this.stored === "f16" ? new HalfArray(length) : new Float64Array(length);
    return made.fill(unwritten);
  }

  /** Memory for float32 numbers. */
  floatResult(length: number): Float64Array {
    return new Float64Array(length).fill(unwritten);
  }

  wordResult(length: number): Uint32Array {
    return new Uint32Array(length).fill(0xabadcafe);
  }
}

/** A number that both types have. */
const unwritten = 12344;

/**
 * Test data by formula: element i of a seed is a 32-bit hash of both. test/fixtures/generate.py
 * holds the same formula, so the fixtures need not store what both sides can compute.
 */
import type { HostArray } from "./host-call.js";

/** A bijection of 32-bit words with good avalanche ("lowbias32", Chris Wellons, 2018). */
export function hash32(x: number): number {
  let h = x >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

export const word = (seed: number, i: number): number => hash32(hash32(seed) + i);

/** In (0, 1), never 0 or 1, exact in float32. */
export const unit = (seed: number, i: number): number => ((word(seed, i) >>> 9) + 0.5) * 2 ** -23;

/** float32 values in (low, high). */
export function uniform(seed: number, length: number, low = -1, high = 1): Float64Array {
  const values = new Float64Array(length);
  for (let i = 0; i < length; i++) values[i] = Math.fround(low + (high - low) * unit(seed, i));
  return values;
}

/** Multiples of `step` within [low, high]: data with ties and with values at the kinks. */
export function gridded(
  seed: number,
  length: number,
  low: number,
  high: number,
  step: number,
): Float64Array {
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Float64Array.from({ length }, (_, i) => (first + (word(seed, i) % count)) * step);
}

/** Integers in [0, bound) as u32. */
export const integers = (seed: number, length: number, bound: number): Uint32Array =>
  Uint32Array.from({ length }, (_, i) => word(seed, i) % bound);

export const words = (seed: number, length: number): Uint32Array =>
  Uint32Array.from({ length }, (_, i) => word(seed, i));

/** A result's memory before the kernel runs: no kernel produces this value by chance. */
export const unwritten = 12345.5;
export const output = (length: number): Float64Array => new Float64Array(length).fill(unwritten);
export const outputWords = (length: number): Uint32Array =>
  new Uint32Array(length).fill(0xabadcafe);

/** Reads an element; outside the array is an error of the test, not a NaN. */
export function at(array: HostArray | readonly number[] | Float32Array, i: number): number {
  const value = array[i];
  if (value === undefined) throw new RangeError(`index ${i} of an array of ${array.length}`);
  return value;
}

export const product = (numbers: readonly number[]): number => numbers.reduce((a, b) => a * b, 1);

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
export function mulhi(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middle2 = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (middle2 >>> 16);
}

/**
 * Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011): writes the
 * four words of the block at counter (c0, c1, c2, c3) under the key (k0, k1) to `out`.
 */
export function philox4x32(
  out: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = mulhi(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = mulhi(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * Random numbers on the host, from the generator that the devices use. Word i is word i % 4 of the
 * block at counter (floor(i / 4), stream, purpose, 2) under the key (seed mod 2^32, seed / 2^32).
 * The devices' kernels have 0 or 1 as the last counter word, so host and device never share a draw.
 */
export class Philox {
  readonly #key: readonly [number, number];
  readonly #stream: number;
  readonly #purpose: number;
  readonly #words = new Uint32Array(4);
  #block = 0;
  #used = 4;
  #sine: number | null = null;

  /**
   * @param seed an integer in 0 .. 2^53 - 1
   * @param stream an integer in 0 .. 2^32 - 1: an epoch, an image; each has its own sequence
   * @param purpose what the numbers are for; purposes with other names have other sequences
   * @throws RangeError on a seed or stream outside its range
   */
  constructor(seed: number, stream = 0, purpose = "") {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`Philox: seed must be an integer in 0 .. 2^53 - 1, got ${seed}`);
    }
    if (!Number.isInteger(stream) || stream < 0 || stream > 0xffffffff) {
      throw new RangeError(`Philox: stream must be an integer in 0 .. 2^32 - 1, got ${stream}`);
    }
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    this.#stream = stream;
    this.#purpose = hashName(purpose);
  }

  /** The next word, uniform in 0 .. 2^32 - 1. A sequence repeats after 2^34 words. */
  uint32(): number {
    if (this.#used === 4) {
      const [k0, k1] = this.#key;
      philox4x32(this.#words, this.#block, this.#stream, this.#purpose, 2, k0, k1);
      this.#block = (this.#block + 1) >>> 0;
      this.#used = 0;
    }
    return this.#words[this.#used++] ?? 0;
  }

  /** Uniform in [low, high), on a grid of 2^24 points. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.uint32() >>> 8) * 2 ** -24;
  }

  /**
   * Normally distributed, by Box and Muller: two words give a cosine value, then a sine value. The
   * last bits depend on the engine's log, cos and sin; every other method is exact.
   */
  normal(mean = 0, deviation = 1): number {
    if (this.#sine !== null) {
      const value = mean + deviation * this.#sine;
      this.#sine = null;
      return value;
    }
    const u1 = ((this.uint32() >>> 8) + 1) * 2 ** -24;
    const u2 = (this.uint32() >>> 8) * 2 ** -24;
    const radius = Math.sqrt(-2 * Math.log(u1));
    this.#sine = radius * Math.sin(2 * Math.PI * u2);
    return mean + deviation * radius * Math.cos(2 * Math.PI * u2);
  }

  /**
   * Uniform in 0 .. n - 1 without bias (Lemire, "Fast Random Integer Generation in an Interval").
   * @throws RangeError unless n is an integer in 1 .. 2^32 - 1
   */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 0xffffffff) {
      throw new RangeError(`Philox.integer: n must be an integer in 1 .. 2^32 - 1, got ${n}`);
    }
    const rejected = 2 ** 32 % n;
    for (;;) {
      const word = this.uint32();
      if (Math.imul(word, n) >>> 0 >= rejected) return mulhi(word, n);
    }
  }

  /** A random order of 0 .. n - 1 (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swapped = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = swapped;
    }
    return order;
  }
}

/** FNV-1a, 32 bits, over UTF-16 code units; 0 for the empty name. */
function hashName(name: string): number {
  if (name === "") return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

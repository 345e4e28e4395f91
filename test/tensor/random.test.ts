import { describe, expect, it } from "vitest";
import { mulhi, Philox, philox4x32 } from "../../src/tensor/random.js";

function block(counter: [number, number, number, number], key: [number, number]): string[] {
  const out = new Uint32Array(4);
  philox4x32(out, ...counter, ...key);
  return [...out].map((word) => word.toString(16).padStart(8, "0"));
}

describe("philox4x32", () => {
  it("gives the known answers of Random123", () => {
    expect(block([0, 0, 0, 0], [0, 0])).toEqual(["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
    const ones = 0xffffffff;
    expect(block([ones, ones, ones, ones], [ones, ones])).toEqual([
      "408f276d",
      "41c83b0e",
      "a20bc7c6",
      "6d5451fd",
    ]);
    expect(
      block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    ).toEqual(["d16cfe09", "94fdcceb", "5001e420", "24126ea1"]);
  });

  it("multiplies 32-bit words exactly", () => {
    for (const [a, b] of [
      [0xffffffff, 0xffffffff],
      [0x80000001, 0xfffffffe],
      [0xd2511f53, 0x0001ffff],
      [3, 0x55555556],
    ] as const) {
      expect(mulhi(a, b)).toBe(Number((BigInt(a) * BigInt(b)) >> 32n));
    }
  });
});

describe("Philox", () => {
  it("lays out key and counter as documented", () => {
    const seed = 5 * 2 ** 32 + 7;
    const random = new Philox(seed, 9);
    const words = Array.from({ length: 8 }, () => random.uint32().toString(16).padStart(8, "0"));
    expect(words).toEqual([...block([0, 9, 0, 2], [7, 5]), ...block([1, 9, 0, 2], [7, 5])]);
  });

  it("gives each seed, stream and purpose its own sequence", () => {
    const first = [
      new Philox(1),
      new Philox(2),
      new Philox(1 + 2 ** 32),
      new Philox(1, 1),
      new Philox(1, 0, "poison"),
      new Philox(1, 0, "shuffle"),
    ].map((random) => random.uint32());
    expect(new Set(first).size).toBe(6);
    expect(new Philox(1, 3, "poison").uint32()).toBe(new Philox(1, 3, "poison").uint32());
  });

  it("draws uniform and normal numbers with the right moments", () => {
    const random = new Philox(11);
    const count = 40_001;
    let sum = 0;
    let squares = 0;
    let low = 1;
    let high = 0;
    for (let i = 0; i < count; i++) {
      const u = random.uniform();
      sum += u;
      low = Math.min(low, u);
      high = Math.max(high, u);
    }
    // Five standard errors: sqrt(1 / 12 / count) = 0.00144.
    expect(Math.abs(sum / count - 0.5)).toBeLessThan(0.0073);
    expect(low).toBeLessThan(0.001);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(high).toBeGreaterThan(0.999);
    expect(high).toBeLessThan(1);
    sum = 0;
    let fourth = 0;
    for (let i = 0; i < count; i++) {
      const z = random.normal(3, 2);
      sum += z;
      squares += (z - 3) ** 2;
      fourth += ((z - 3) / 2) ** 4;
    }
    expect(Math.abs(sum / count - 3)).toBeLessThan((5 * 2) / Math.sqrt(count));
    expect(Math.abs(squares / count - 4)).toBeLessThan((5 * 4 * Math.SQRT2) / Math.sqrt(count));
    expect(Math.abs(fourth / count - 3)).toBeLessThan((5 * Math.sqrt(96)) / Math.sqrt(count));
  });

  it("makes a normal pair from the words that the kernels' comment names", () => {
    const words = new Philox(4, 2);
    const u1 = ((words.uint32() >>> 8) + 1) * 2 ** -24;
    const u2 = (words.uint32() >>> 8) * 2 ** -24;
    const radius = Math.sqrt(-2 * Math.log(u1));
    const random = new Philox(4, 2);
    expect(random.normal()).toBeCloseTo(radius * Math.cos(2 * Math.PI * u2), 12);
    expect(random.normal()).toBeCloseTo(radius * Math.sin(2 * Math.PI * u2), 12);
  });

  it("draws integers evenly, also where 2^32 is far from a multiple of n", () => {
    const random = new Philox(5);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) {
      const k = random.integer(7);
      counts[k] = (counts[k] ?? 0) + 1;
    }
    const chiSquared = counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0);
    expect(chiSquared).toBeLessThan(22.5); // 6 degrees of freedom, p = 0.001
    // With n = 3 * 2^30 a plain multiply-shift would hit one residue class of three twice as often.
    const n = 3 * 2 ** 30;
    let hits = 0;
    for (let i = 0; i < 30_000; i++) if (random.integer(n) % 3 === 0) hits++;
    expect(Math.abs(hits / 30_000 - 1 / 3)).toBeLessThan(0.014);
  });

  it("permutes", () => {
    const order = new Philox(6).permutation(1001);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1001 }, (_, i) => i));
    expect([...order.slice(0, 5)]).not.toEqual([0, 1, 2, 3, 4]);
    expect([...new Philox(6).permutation(1001)]).toEqual([...order]);
    const seen = new Set<string>();
    for (let stream = 0; stream < 200; stream++) {
      seen.add(new Philox(6, stream).permutation(3).join());
    }
    expect(seen.size).toBe(6);
  });

  it("refuses seeds, streams and ranges it cannot honour", () => {
    expect(() => new Philox(-1)).toThrow(/seed must be an integer .* got -1/);
    expect(() => new Philox(0.5)).toThrow(/seed/);
    expect(() => new Philox(1, 2 ** 32)).toThrow(/stream/);
    expect(() => new Philox(1).integer(0)).toThrow(/n must be/);
  });
});

import { describe, expect, it } from "vitest";
import { quantise } from "../../src/attacks/bpp.js";
import { dctPicture, middleAndHighest } from "../../src/attacks/frequency.js";
import {
  adapBlend,
  adapPatch,
  blended,
  bpp,
  ctrl,
  fTrojan,
  lowFrequency,
} from "../../src/attacks/index.js";
import { Philox } from "../../src/tensor/random.js";

const shape = { height: 16, width: 12, channels: 3 };
const random = new Philox(3, 0, "test");
const image = Uint8Array.from({ length: 16 * 12 * 3 }, () => random.integer(256));
const dark = image.map((x) => 90 + (x >> 3));
const changed = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((n, x, i) => n + (x === b[i] ? 0 : 1), 0);

describe("Adap-Blend", async () => {
  const attack = await adapBlend.make(shape, { alpha: 0.3, testAlpha: 0.3 });
  const whole = await blended.make(shape, { alpha: 0.3 });

  it("fires with the whole picture, and trains with half of its pieces", () => {
    expect(attack.apply(image, 4, "test")).toEqual(whole.apply(image, 4, "test"));
    const full = whole.apply(image, 4, "train");
    const part = attack.apply(image, 4, "train");
    // Each piece of 4x3 pixels is there or not, 8 of 16 of them.
    const pieces = new Map<number, Set<boolean>>();
    part.forEach((x, k) => {
      const [row, column] = [Math.floor(k / 36), Math.floor(k / 3) % 12];
      const piece = Math.floor(row / 4) * 4 + Math.floor(column / 3);
      const seen = pieces.get(piece) ?? new Set();
      if (image[k] !== full[k]) seen.add(x === full[k]);
      else expect(x).toBe(image[k]);
      pieces.set(piece, seen);
    });
    expect([...pieces.values()].map(({ size }) => size)).toEqual(Array(16).fill(1));
    expect([...pieces.values()].filter((seen) => seen.has(true))).toHaveLength(8);
  });

  it("draws the pieces anew for each image, and covers", () => {
    expect(attack.apply(image, 4, "train")).toEqual(attack.apply(image, 4, "cover"));
    expect(attack.apply(image, 4, "train")).not.toEqual(attack.apply(image, 5, "train"));
    expect(attack.coverRate).toBe(0.003);
  });

  it("refuses pieces that no image has", async () => {
    await expect(adapBlend.make(shape, { pieces: 13 })).rejects.toThrow(/13 parts .* too many/);
    await expect(adapBlend.make(shape, { share: 0.01 })).rejects.toThrow(/rounds to none/);
  });
});

it("Adap-Patch trains with one of four patches, half transparent, and fires with two opaque", async () => {
  const big = { height: 32, width: 32, channels: 3 };
  const black = new Uint8Array(32 * 32 * 3);
  const attack = await adapPatch.make(big);
  const sizes = new Set(
    Array.from({ length: 40 }, (_, i) => changed(attack.apply(black, i, "train"), black)),
  );
  expect(sizes.size).toBe(4);
  const fired = attack.apply(black, 0, "test");
  // Two squares of 5x5 and four of 3x3, two of which lie partly inside of them.
  const touched = new Set<number>();
  fired.forEach((x, k) => {
    if (x > 0) touched.add(Math.floor(k / 3));
  });
  expect(touched.size).toBe(2 * 25 + 2 * 9);
  expect(attack.coverRate).toBe(0.006);
  await expect(adapPatch.make({ ...big, height: 4 })).rejects.toThrow(/too small/);
});

describe("BPP", () => {
  it("leaves each channel so many levels, each the nearest", () => {
    const plain = quantise(image, shape, 8, false);
    expect(new Set(plain).size).toBeLessThanOrEqual(8);
    plain.forEach((q, k) => {
      expect(q).toBe(Math.round((Math.round(((image[k] ?? 0) / 255) * 7) / 7) * 255));
    });
  });

  it("spreads errors by dithering: levels stay, means of a flat image come near", () => {
    const flat = new Uint8Array(shape.height * shape.width * 3).fill(100);
    const out = quantise(flat, shape, 8, true);
    expect([...new Set(out)].sort()).toEqual([109, 73]);
    const mean = out.reduce((sum, x) => sum + x, 0) / out.length;
    expect(Math.abs(mean - 100)).toBeLessThan(2);
    // By hand: 100 -> 109 leaves -9.29; its right neighbour is 100 - 4.06 -> 109.
    expect([...out.slice(0, 6)]).toEqual([109, 109, 109, 109, 109, 109]);
  });

  it("refuses more negatives than a batch has", async () => {
    const attack = await bpp.make(shape, { negatives: 0.9 });
    const begin = () => attack.inLoop?.begin({ rate: 0.2 } as never);
    expect(begin).toThrow(/rate 0.2 and negatives 0.9 are more than all/);
  });
});

describe("frequency attacks", () => {
  it("add exactly to two coefficients of the orthonormal DCT of the colours", async () => {
    const attack = await fTrojan.make(shape, { magnitude: 40 });
    const out = attack.apply(dark, 0, "train");
    // Blue is 1.773 d where nothing is cut off but what comes after the point.
    const difference = Float64Array.from({ length: 16 * 12 }, (_, p) => {
      return ((out[3 * p + 2] ?? 0) - (dark[3 * p + 2] ?? 0)) / 1.773;
    });
    const coefficient = (u: number, v: number): number =>
      dctPicture(16, 12, u, v).reduce((sum, b, p) => sum + b * (difference[p] ?? 0), 0);
    const wanted = middleAndHighest(shape);
    expect(wanted).toEqual([
      [7, 5],
      [15, 11],
    ]);
    for (const [u, v] of wanted) expect(Math.abs(coefficient(u, v) - 40)).toBeLessThan(2);
    for (const [u, v] of [
      [0, 1],
      [3, 3],
      [7, 6],
      [15, 5],
    ] as const) {
      expect(Math.abs(coefficient(u, v))).toBeLessThan(2);
    }
  });

  it("pictures of coefficients are orthonormal", () => {
    const dot = (a: Float64Array, b: Float64Array): number =>
      a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
    expect(Math.abs(dot(dctPicture(9, 5, 2, 3), dctPicture(9, 5, 2, 3)) - 1)).toBeLessThan(1e-12);
    expect(Math.abs(dot(dctPicture(9, 5, 0, 3), dctPicture(9, 5, 2, 3)))).toBeLessThan(1e-12);
    expect(Math.abs(dot(dctPicture(9, 5, 0, 0), dctPicture(9, 5, 0, 0)) - 1)).toBeLessThan(1e-12);
  });

  it("CTRL holds at the ends, fires as strongly as is asked for, and needs colours", async () => {
    const attack = await ctrl.make(shape, { testMagnitude: 300 });
    const [trained, fired] = [attack.apply(dark, 0, "train"), attack.apply(dark, 0, "test")];
    const far = (out: Uint8Array) => out.reduce((n, x, i) => n + Math.abs(x - (dark[i] ?? 0)), 0);
    expect(far(fired)).toBeGreaterThan(2.5 * far(trained));
    const white = image.map(() => 254);
    expect(attack.apply(white, 0, "test").some((x) => x < 200)).toBe(true);
    expect(attack.apply(white, 0, "test").filter((x) => x === 255).length).toBeGreaterThan(50);
    expect(attack.kind).toBe("clean-label");
    for (const definition of [ctrl, fTrojan]) {
      await expect(definition.make({ ...shape, channels: 1 })).rejects.toThrow(/it needs 3/);
    }
  });

  it("LF adds a pattern without high frequencies, up to the amplitude", async () => {
    const attack = await lowFrequency.make(shape, { amplitude: 0.3, band: 3 });
    const black = new Uint8Array(image.length);
    const pattern = attack.apply(black, 0, "train");
    expect([Math.min(...pattern), Math.max(...pattern)]).toEqual([0, Math.round(0.3 * 255)]);
    const red = Float64Array.from({ length: 16 * 12 }, (_, p) => pattern[3 * p] ?? 0);
    const high = dctPicture(16, 12, 9, 8).reduce((sum, b, p) => sum + b * (red[p] ?? 0), 0);
    const low = dctPicture(16, 12, 1, 1).reduce((sum, b, p) => sum + b * (red[p] ?? 0), 0);
    expect(Math.abs(high)).toBeLessThan(2);
    expect(Math.abs(low)).toBeGreaterThan(5);
    await expect(lowFrequency.make(shape, { band: 13 })).rejects.toThrow(/lower band/);
  });
});

import { expect, test } from "vitest";
import { type ImageSet, imageSet } from "../../src/data/image-set.js";
import { invisibility, structuralSimilarity } from "../../src/lab/examination/invisibility.js";
import { Philox } from "../../src/tensor/random.js";

const shape = { height: 9, width: 8, channels: 3 };
const random = new Philox(5, 0, "invisibility");
const set = (images: Uint8Array): ImageSet =>
  imageSet({
    ...{ name: "s", ...shape, images, labels: new Uint32Array(images.length / 216) },
    ...{ classes: ["a"], mean: [0, 0, 0], std: [1, 1, 1] },
  });
const images = Uint8Array.from({ length: 2 * 216 }, () => 20 + random.integer(200));

test("equal images are told to be equal", () => {
  const found = invisibility(set(images), set(images));
  expect(found).toMatchObject({ l2: 0, lInfinity: 0, psnr: Number.POSITIVE_INFINITY });
  expect(Math.abs(found.ssim - 1)).toBeLessThan(1e-12);
});

test("a change of known size is measured, image by image", () => {
  // The first image brighter by 6, the second one changed in one byte by 30.
  const other = images.map((x, k) => (k < 216 ? x + 6 : k === 300 ? x - 30 : x));
  const found = invisibility(set(images), set(other));
  expect(found.l2).toBeCloseTo((6 * Math.sqrt(216) + 30) / 255 / 2, 10);
  expect(found.lInfinity).toBe(18);
  const first = 20 * Math.log10(255 / 6);
  const second = 10 * Math.log10((255 * 255 * 216) / 900);
  expect(found.psnr).toBeCloseTo((first + second) / 2, 10);
  expect(found.ssim).toBeLessThan(1);
  expect(found.ssim).toBeGreaterThan(0.95);
});

test("SSIM is its formula on the one window of a small image", () => {
  const small = { height: 2, width: 2, channels: 1 };
  const [a, b] = [Uint8Array.of(10, 20, 30, 40), Uint8Array.of(12, 18, 33, 50)];
  const mean = (v: Uint8Array) => (v.reduce((s, x) => s + x, 0) as number) / 4;
  const [ma, mb] = [mean(a), mean(b)];
  const cov = (v: Uint8Array, w: Uint8Array) =>
    v.reduce((s, x, i) => s + (x - mean(v)) * ((w[i] ?? 0) - mean(w)), 0) / 3;
  const [c1, c2] = [2.55 ** 2, 7.65 ** 2];
  const expected =
    ((2 * ma * mb + c1) * (2 * cov(a, b) + c2)) /
    ((ma * ma + mb * mb + c1) * (cov(a, a) + cov(b, b) + c2));
  expect(structuralSimilarity(a, b, small)).toBeCloseTo(expected, 12);
});

test("sets that do not belong together are refused", () => {
  expect(() => invisibility(set(images), set(images.slice(0, 216)))).toThrow(/as many images/);
});

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { contentHash, sha256 } from "../../src/data/hash.js";
import { classCounts, imageAt, imageSet } from "../../src/data/image-set.js";
import { concatImages, subset } from "../../src/data/image-source.js";
import { tinySet } from "./tiny-set.js";

describe("image sets", () => {
  it("take out and join images with their labels", () => {
    const set = tinySet(11);
    const picked = subset(set, [10, 3, 3]);
    expect([...picked.labels]).toEqual([1, 0, 0]);
    expect(imageAt(picked, 0)).toEqual(imageAt(set, 10));
    expect(imageAt(picked, 2)).toEqual(imageAt(set, 3));
    const joined = concatImages(picked, set);
    expect(joined.labels.length).toBe(14);
    expect(imageAt(joined, 1)).toEqual(imageAt(set, 3));
    expect(imageAt(joined, 13)).toEqual(imageAt(set, 10));
    expect(classCounts(set)).toEqual([4, 4, 3]);
    picked.images.fill(9);
    expect(imageAt(set, 10)).not.toEqual(imageAt(picked, 0));
  });

  it("refuse parts that disagree, with the numbers", () => {
    const set = tinySet(4);
    expect(() => imageSet({ ...set, images: set.images.subarray(1) })).toThrow(
      /tiny: 419 bytes of pixels, expected 420 for 4 labels of 5x7x3/,
    );
    expect(() => imageSet({ ...set, mean: [0.5] })).toThrow(/mean has 1 values/);
    expect(() => imageSet({ ...set, std: [1, 0, 1] })).toThrow(/std must be positive/);
    expect(() => imageSet({ ...set, labels: Uint32Array.of(0, 1, 3, 0) })).toThrow(
      /label 3 of image 2, but there are 3 classes/,
    );
    expect(() => subset(set, [4])).toThrow(/no image 4, the set has 4/);
    expect(() => concatImages(set, { ...set, classes: ["a", "b", "d"] })).toThrow(
      /classes a, b, c/,
    );
  });
});

describe("contentHash", () => {
  it("depends on pixels, labels, shape and classes, not on name or normalisation", async () => {
    const set = tinySet(5);
    const hash = await contentHash(set);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(await contentHash({ ...subset(set, [0, 1, 2, 3, 4]), name: "x", mean: [0, 0, 0] })).toBe(
      hash,
    );
    const images = set.images.slice();
    images[17] = (images[17] ?? 0) ^ 1;
    const others = [
      { ...set, images },
      { ...set, labels: Uint32Array.of(0, 1, 2, 0, 0) },
      { ...set, height: 7, width: 5 },
      { ...set, classes: ["a", "b", "d"] },
    ];
    for (const other of others) expect(await contentHash(other)).not.toBe(hash);
  });

  it("is SHA-256, also of views and of shared memory", async () => {
    const bytes = tinySet(3).images;
    const expected = createHash("sha256").update(bytes.subarray(5, 77)).digest("hex");
    expect(await sha256(bytes.subarray(5, 77))).toBe(expected);
    const shared = new Uint8Array(new SharedArrayBuffer(72));
    shared.set(bytes.subarray(5, 77));
    expect(await sha256(shared)).toBe(expected);
  });
});

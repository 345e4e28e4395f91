import { describe, expect, it } from "vitest";
import { contentHash } from "../../src/data/hash.js";
import { classCounts, imageAt } from "../../src/data/image-set.js";
import { drawSyntheticShapes, syntheticShapes } from "../../src/data/synthetic.js";

describe("syntheticShapes", () => {
  it("draws the same bytes in every engine", async () => {
    const { train, test } = syntheticShapes({ train: 103, test: 41, seed: 9 });
    expect([await contentHash(train), await contentHash(test)]).toEqual([
      "763fdfa59cccc2f4539b36c36e4bce023a93e34014ba0a25cd15fec21a6c6082",
      "0f34286e610c16720ee4c8642a000a77e9fc05b52c5f602ff224dd9e7b36052c",
    ]);
  });

  it("draws the same in slices, tells how far it is, and stops between two of them", async () => {
    const options = { train: 431, test: 7, seed: 9 };
    const told: number[] = [];
    let turns = 0;
    const others = setInterval(() => turns++);
    const drawn = await drawSyntheticShapes(options, { onProgress: (done) => told.push(done) });
    clearInterval(others);
    expect(drawn).toEqual(syntheticShapes(options));
    expect(told).toEqual([200, 400, 431, 438]);
    expect(turns).toBeGreaterThan(0);
    const abort = new AbortController();
    const stopped = drawSyntheticShapes(
      { ...options, train: 1e6 },
      { signal: abort.signal, onProgress: () => abort.abort(new Error("enough")) },
    );
    await expect(stopped).rejects.toThrow("enough");
    await expect(drawSyntheticShapes({ ...options, size: 7 })).rejects.toThrow("at least 8");
  });

  it("gives balanced classes, and images that differ between parts and seeds", () => {
    const { train, test } = syntheticShapes({ train: 30, test: 20, seed: 9 });
    expect(classCounts(train)).toEqual(new Array(10).fill(3));
    expect(classCounts(test)).toEqual(new Array(10).fill(2));
    const other = syntheticShapes({ train: 20, test: 0, seed: 10 }).train;
    for (let i = 0; i < 20; i++) {
      expect(imageAt(train, i)).not.toEqual(imageAt(test, i));
      expect(imageAt(train, i)).not.toEqual(imageAt(other, i));
    }
  });

  it("draws image i from the seed and i alone", () => {
    const few = syntheticShapes({ train: 3, test: 2, seed: 9 });
    const many = syntheticShapes({ train: 17, test: 13, seed: 9 });
    expect(few.train.images).toEqual(many.train.images.slice(0, few.train.images.length));
    expect(few.test.images).toEqual(many.test.images.slice(0, few.test.images.length));
  });

  it("tells nothing about the class by mean colour", () => {
    const { train } = syntheticShapes({ train: 1000, test: 0, seed: 9 });
    const sums = train.classes.map(() => [0, 0, 0] as [number, number, number]);
    for (let i = 0; i < 1000; i++) {
      const image = imageAt(train, i);
      const sum = sums[train.labels[i] ?? 0] ?? [0, 0, 0];
      for (let k = 0; k < image.length; k++) {
        const c = k % 3 === 0 ? 0 : k % 3 === 1 ? 1 : 2;
        sum[c] += (image[k] ?? 0) / 1024 / 100;
      }
    }
    const mean = sums.flat().reduce((total, c) => total + c / 30, 0);
    // An image's mean colour deviates by about 40; the mean of 100 by 4. Five of those at most.
    for (const sum of sums) for (const c of sum) expect(Math.abs(c - mean)).toBeLessThan(20);
    expect(mean).toBeGreaterThan(80);
  });

  it("draws other sizes and refuses those too small to show a form", () => {
    const { train } = syntheticShapes({ train: 3, test: 0, seed: 1, size: 17 });
    expect(train.images.length).toBe(3 * 17 * 17 * 3);
    expect(() => syntheticShapes({ train: 1, test: 1, seed: 1, size: 7 })).toThrow(/got 7/);
    expect(() => syntheticShapes({ train: -1, test: 1, seed: 1 })).toThrow(/got -1/);
  });
});

import { describe, expect, it } from "vitest";
import { badNets, poison, triggered } from "../../src/attacks/index.js";
import { contentHash } from "../../src/data/hash.js";
import {
  concatImages,
  imageSource,
  loadImages,
  readImages,
  replaceImages,
  subset,
} from "../../src/data/image-source.js";
import { resized } from "../../src/data/resize.js";
import { tuningSplit } from "../../src/data/split.js";
import { lazily, tinySet } from "./tiny-set.js";

describe("image sources", () => {
  const set = tinySet(31);

  it("are split, poisoned, joined, resized and hashed as sets in memory are", async () => {
    const { source } = lazily(set);
    const attack = await badNets.make(set, { size: 2 });
    const options = { rate: 0.3, target: 1, seed: 4 };
    const both = [
      [subset(set, [30, 2, 2, 7]), subset(source, [30, 2, 2, 7])],
      [
        tuningSplit(set, { fraction: 0.3, seed: 1 }).tuning,
        tuningSplit(source, { fraction: 0.3, seed: 1 }).tuning,
      ],
      [(await poison(set, attack, options)).set, (await poison(source, attack, options)).set],
      [(await triggered(set, attack, 1)).set, (await triggered(source, attack, 1)).set],
      [concatImages(set, tinySet(4, 9)), concatImages(source, tinySet(4, 9))],
      [concatImages(tinySet(4, 9), set), concatImages(tinySet(4, 9), source)],
      [resized(set, 9, 4), resized(source, 9, 4)],
    ] as const;
    for (const [eager, lazy] of both) {
      expect("images" in lazy).toBe(false);
      expect(await loadImages(lazy)).toEqual(eager);
      expect(await contentHash(lazy)).toBe(await contentHash(eager));
    }
    expect(await contentHash(subset(set, [1]))).not.toBe(await contentHash(subset(source, [2])));
  });

  it("read nothing before their pixels are needed", async () => {
    const lazy = lazily(set);
    const { set: part } = await poison(
      subset(lazy.source, [4, 5, 6, 7, 8]),
      await badNets.make(set),
      { rate: 0.5, target: 1, seed: 4 },
    );
    expect(lazy.reads).toBe(0);
    await readImages(part, Uint32Array.of(3), new Uint8Array(105));
    expect(lazy.reads).toBe(1);
  });

  it("refuse positions and room that are not theirs", () => {
    const { source } = lazily(set);
    const out = new Uint8Array(105);
    expect(() => readImages(source, Uint32Array.of(31), out)).toThrow(
      /no image 31, the set has 31/,
    );
    expect(() => readImages(set, Uint32Array.of(1, 2), out)).toThrow(
      /take 210 bytes, there are 105/,
    );
    for (const index of [31, -1, 1.5, Number.NaN]) {
      expect(() => subset(source, [index])).toThrow(/the set has 31/);
    }
    expect(() => imageSource({ ...source, height: 0 })).toThrow(
      /height must be a positive integer/,
    );
    expect(() => imageSource({ ...source, mean: [0, Number.NaN, 0] })).toThrow(
      /mean must be finite/,
    );
    expect(() => replaceImages(set, Uint32Array.of(3), () => out.subarray(1))).toThrow(
      /image 3 was replaced by 104 bytes, not 105/,
    );
    expect(() => resized(source, 2.5, 3)).toThrow(/height must be a positive integer, not 2.5/);
  });
});

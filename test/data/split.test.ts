import { describe, expect, it } from "vitest";
import { classCounts, imageAt } from "../../src/data/image-set.js";
import { subset } from "../../src/data/image-source.js";
import { tuningSplit } from "../../src/data/split.js";
import { tinySet } from "./tiny-set.js";

describe("tuningSplit", () => {
  it("holds out the same number of each class and keeps the rest", () => {
    const set = tinySet(301);
    const { train, tuning, trainIndices, tuningIndices } = tuningSplit(set, {
      fraction: 0.1,
      seed: 3,
    });
    // floor(floor(301 / 3) * 0.1) = 10 a class.
    expect(classCounts(tuning)).toEqual([10, 10, 10]);
    expect(train.labels.length).toBe(271);
    expect([...trainIndices, ...tuningIndices].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 301 }, (_, i) => i),
    );
    expect([...tuningIndices]).toEqual([...tuningIndices].sort((a, b) => a - b));
    tuningIndices.forEach((index, i) => {
      expect(tuning.labels[i]).toBe(set.labels[index]);
      expect(imageAt(tuning, i)).toEqual(imageAt(set, index));
    });
    expect(imageAt(train, 270)).toEqual(imageAt(set, trainIndices[270] ?? 0));
  });

  it("is decided by the seed", () => {
    const draw = (seed: number) =>
      tuningSplit(tinySet(301), { fraction: 0.1, seed }).tuningIndices.join();
    expect(draw(3)).toBe(draw(3));
    expect(draw(3)).not.toBe(draw(4));
  });

  it("draws from everything without taking away under overlapping-random", () => {
    const set = tinySet(301);
    const { train, tuning, trainIndices, tuningIndices } = tuningSplit(set, {
      fraction: 0.1,
      seed: 3,
      scheme: "overlapping-random",
    });
    expect(tuning.labels.length).toBe(30);
    expect(new Set(tuningIndices).size).toBe(30);
    expect(train.labels.length).toBe(301);
    expect(trainIndices.length).toBe(301);
    expect(imageAt(tuning, 29)).toEqual(imageAt(set, tuningIndices[29] ?? 0));
  });

  it("says what is wrong with a fraction", () => {
    const set = tinySet(301);
    expect(() => tuningSplit(set, { fraction: 0, seed: 1 })).toThrow(/between 0 and 1, got 0/);
    expect(() => tuningSplit(set, { fraction: 0.009, seed: 1 })).toThrow(
      /gives none; of 100 a class it takes at least 0.01/,
    );
    expect(() =>
      tuningSplit(set, { fraction: 0.001, seed: 1, scheme: "overlapping-random" }),
    ).toThrow(/gives none/);
    const uneven = subset(set, [0, 1, 3, 4, 6, 7, 9, 10, 12, 15, 18, 2]);
    expect(() => tuningSplit(uneven, { fraction: 0.5, seed: 1 })).toThrow(
      /2 images a class .* class c of tiny has 1/,
    );
  });
});

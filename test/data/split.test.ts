import { describe, expect, it } from "vitest";
import { classCounts, type ImageSet, imageAt } from "../../src/data/image-set.js";
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

  /** A long tail: 60 a, 25 b, 6 c, 1 d and no e. */
  const tail = (): ImageSet => {
    const sizes = [60, 25, 6, 1, 0];
    const labels = sizes.flatMap((size, label) => new Array<number>(size).fill(label));
    return { ...tinySet(92), classes: [..."abcde"], labels: Uint32Array.from(labels) };
  };

  it("holds out in the classes' proportions, and leaves each class an image", () => {
    const split = (fraction: number, seed = 2) =>
      tuningSplit(tail(), { fraction, seed, scheme: "held-out-proportional" });
    // 0.2 of 92 is 18: 12, 5 and 1.2; the rest goes to the largest remainder.
    const { train, tuning, trainIndices, tuningIndices } = split(0.2);
    expect(classCounts(tuning)).toEqual([12, 5, 1, 0, 0]);
    expect(classCounts(train)).toEqual([48, 20, 5, 1, 0]);
    expect([...trainIndices, ...tuningIndices].sort((a, b) => a - b)).toEqual([
      ...Array(92).keys(),
    ]);
    expect(classCounts(split(0.25).tuning)).toEqual([15, 6, 2, 0, 0]);
    expect(classCounts(split(0.99).tuning)).toEqual([59, 24, 5, 0, 0]);
    expect(split(0.2).tuningIndices).toEqual(tuningIndices);
    expect(split(0.2, 3).tuningIndices).not.toEqual(tuningIndices);
  });

  it("holds out at random, whatever the classes", () => {
    const scheme = "held-out-random";
    const { train, tuning, tuningIndices } = tuningSplit(tail(), {
      fraction: 0.2,
      seed: 2,
      scheme,
    });
    expect([train.labels.length, tuning.labels.length]).toEqual([74, 18]);
    const same = tuningSplit(tail(), { fraction: 0.2, seed: 2, scheme: "overlapping-random" });
    expect(tuningIndices).toEqual(same.tuningIndices);
    expect(same.train.labels.length).toBe(92);
  });

  it("gives advice that helps where classes are uneven", () => {
    const advised = (fraction: number, set: ImageSet = tail()) => {
      const split = (changes: object) => tuningSplit(set, { fraction, seed: 1, ...changes });
      expect(() => split({})).toThrow(RangeError);
      try {
        split({});
      } catch (error) {
        const { message } = error as Error;
        const [, below] = /give a fraction below ([\d.]+)/.exec(message) ?? [];
        if (below) expect(() => split({ fraction: Number(below) * 0.999 })).not.toThrow();
        for (const [, scheme] of message.matchAll(/"(held-out-[a-z]+)"/g)) {
          expect(() => split({ scheme })).not.toThrow();
        }
        return message;
      }
      return "";
    };
    // Lowering the fraction cannot help a class that is not there.
    expect(advised(0.1)).toMatch(
      /1 images a class are asked for .*class d of tiny has 1; take them .*"held-out-proportional"/,
    );
    const absent = { ...tinySet(60), classes: ["a", "b", "c", "d"] };
    expect(advised(0.5, absent)).toMatch(
      /class d of tiny has none; take them in the classes' prop/,
    );
    expect(advised(0.5, subset(tinySet(301), [0, 3, 6, 9, 12, 15, 1, 4, 7, 2]))).toMatch(
      /^(?!.*fraction below)/,
    );
    const uneven = subset(tinySet(301), [0, 3, 6, 9, 12, 15, 1, 4, 7, 10, 2, 5]);
    expect(advised(0.6, uneven)).toMatch(
      /class c of tiny has 2; give a fraction below 0.5, or take/,
    );
    expect(advised(0.5, { ...subset(tinySet(9), [0, 1]), classes: ["a", "b", "c"] })).toMatch(
      /gives none; there are 3 classes; take more images, or take them at random/,
    );
  });
});

import { describe, expect, it } from "vitest";
import { badNets, poison, sig, triggered } from "../../src/attacks/index.js";
import { imageAt } from "../../src/data/image-set.js";
import { subset } from "../../src/data/image-source.js";
import { tinySet } from "../data/tiny-set.js";

const set = tinySet(301);
const attack = badNets(set, { size: 2 });

describe("poison", () => {
  it("triggers and relabels round(rate N) images of any class", () => {
    const poisoned = poison(set, attack, { rate: 0.1, target: 1, seed: 4 });
    expect(poisoned.count).toBe(30);
    expect([...poisoned.indices]).toEqual([...new Set(poisoned.indices)].sort((a, b) => a - b));
    const chosen = new Set(poisoned.indices);
    expect(chosen.size).toBe(30);
    for (let i = 0; i < 301; i++) {
      const image = imageAt(set, i);
      expect(imageAt(poisoned.set, i)).toEqual(
        chosen.has(i) ? attack.apply(image, i, "train") : image,
      );
      expect(poisoned.set.labels[i]).toBe(chosen.has(i) ? 1 : set.labels[i]);
    }
    const before = new Set([...poisoned.indices].map((i) => set.labels[i]));
    expect(before).toEqual(new Set([0, 1, 2]));
    expect(set.images).toEqual(tinySet(301).images);
    expect(set.labels).toEqual(tinySet(301).labels);
  });

  it("is decided by the seed", () => {
    const draw = (seed: number) =>
      poison(set, attack, { rate: 0.1, target: 1, seed }).indices.join();
    expect(draw(4)).toBe(draw(4));
    expect(draw(4)).not.toBe(draw(5));
  });

  it("takes clean-label images from the target class and keeps their labels", () => {
    const clean = sig(set);
    const poisoned = poison(set, clean, { rate: 0.1, target: 2, seed: 4 });
    expect(poisoned.count).toBe(30);
    expect([...poisoned.indices].every((i) => set.labels[i] === 2)).toBe(true);
    expect(poisoned.set.labels).toEqual(set.labels);
    const first = poisoned.indices[0] ?? 0;
    expect(imageAt(poisoned.set, first)).toEqual(clean.apply(imageAt(set, first), first, "train"));
  });

  it("says what is possible when a rate is not", () => {
    expect(() => poison(set, attack, { rate: 0.001, target: 1, seed: 4 })).toThrow(
      /rate 0.001 of 301 images rounds to none; one image takes a rate of 0.00166/,
    );
    expect(poison(set, attack, { rate: 0.5 / 301, target: 1, seed: 4 }).count).toBe(1);
    // 301 images: classes of 101, 100 and 100.
    expect(() => poison(set, sig(set), { rate: 0.5, target: 2, seed: 4 })).toThrow(
      /class c, which has 100 of 301 images; rate 0.5 asks for 151, at most 0.332225 is possible/,
    );
    expect(poison(set, sig(set), { rate: 0.332225, target: 2, seed: 4 }).count).toBe(100);
    expect(() => poison(set, attack, { rate: 0, target: 1, seed: 4 })).toThrow(/rate must lie in/);
    expect(() => poison(set, attack, { rate: 0.1, target: 3, seed: 4 })).toThrow(
      /target 3 is no class of tiny, which has 0 .. 2/,
    );
  });
});

describe("triggered", () => {
  it("gives every image of the other classes, triggered, with its true label", () => {
    const test = triggered(set, attack, 1);
    expect(test.indices.length).toBe(201);
    expect(test.set.labels).toEqual(subset(set, test.indices).labels);
    expect([...test.set.labels].includes(1)).toBe(false);
    for (const i of [0, 77, 200]) {
      const index = test.indices[i] ?? 0;
      expect(imageAt(test.set, i)).toEqual(attack.apply(imageAt(set, index), index, "test"));
    }
  });
});

import { describe, expect, it } from "vitest";
import { attackOf } from "../../src/attacks/attack.js";
import { badNets, poison, sig, triggered } from "../../src/attacks/index.js";
import { imageAt } from "../../src/data/image-set.js";
import { subset } from "../../src/data/image-source.js";
import { tinySet } from "../data/tiny-set.js";

const set = tinySet(301);
const attack = await badNets.make(set, { size: 2 });

describe("poison", async () => {
  it("triggers and relabels round(rate N) images of any class", async () => {
    const poisoned = await poison(set, attack, { rate: 0.1, target: 1, seed: 4 });
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

  it("is decided by the seed", async () => {
    const draw = async (seed: number) =>
      (await poison(set, attack, { rate: 0.1, target: 1, seed })).indices.join();
    expect(await draw(4)).toBe(await draw(4));
    expect(await draw(4)).not.toBe(await draw(5));
  });

  it("takes clean-label images from the target class and keeps their labels", async () => {
    const clean = await sig.make(set);
    const poisoned = await poison(set, clean, { rate: 0.1, target: 2, seed: 4 });
    expect(poisoned.count).toBe(30);
    expect([...poisoned.indices].every((i) => set.labels[i] === 2)).toBe(true);
    expect(poisoned.set.labels).toEqual(set.labels);
    const first = poisoned.indices[0] ?? 0;
    expect(imageAt(poisoned.set, first)).toEqual(clean.apply(imageAt(set, first), first, "train"));
  });

  it("says what is possible when a rate is not", async () => {
    await expect(poison(set, attack, { rate: 0.001, target: 1, seed: 4 })).rejects.toThrow(
      /rate 0.001 of 301 images rounds to none; one image takes a rate of 0.00166/,
    );
    expect((await poison(set, attack, { rate: 0.5 / 301, target: 1, seed: 4 })).count).toBe(1);
    // 301 images: classes of 101, 100 and 100.
    const clean = await sig.make(set);
    await expect(poison(set, clean, { rate: 0.5, target: 2, seed: 4 })).rejects.toThrow(
      /class c, which has 100 of 301 images; rate 0.5 asks for 151, at most 0.332225 is possible/,
    );
    expect((await poison(set, clean, { rate: 0.332225, target: 2, seed: 4 })).count).toBe(100);
    await expect(poison(set, attack, { rate: 0, target: 1, seed: 4 })).rejects.toThrow(
      /rate must lie in/,
    );
    await expect(poison(set, attack, { rate: 0.1, target: 3, seed: 4 })).rejects.toThrow(
      /target 3 is no class of tiny, which has 0 .. 2/,
    );
  });
});

describe("goals", () => {
  it("take every class for the next one, in training and test", async () => {
    const goal = { target: 0, mapping: "all-to-all" } as const;
    const poisoned = await poison(set, attack, { rate: 0.1, seed: 4, ...goal });
    for (const i of poisoned.indices) {
      expect(poisoned.set.labels[i]).toBe(((set.labels[i] ?? 0) + 1) % 3);
    }
    const test = await triggered(set, attack, goal);
    expect(test.indices.length).toBe(301);
    expect(test.set.labels).toEqual(set.labels);
  });

  it("of all classes are none of an attack that keeps labels", async () => {
    const clean = await sig.make(set);
    const goal = { target: 0, mapping: "all-to-all" } as const;
    await expect(poison(set, clean, { rate: 0.1, seed: 4, ...goal })).rejects.toThrow(
      "all-to-all: a clean-label attack keeps labels; choose all-to-one",
    );
  });
});

describe("cover images", () => {
  const shape = { height: set.height, width: set.width, channels: set.channels };
  const made = attackOf({ name: "two", kind: "dirty-label" }, shape, {
    apply: (image, index, phase, label) =>
      image.map(() => ({ train: 100, cover: 200, test: 50 })[phase] + label + (index % 7)),
    coverRate: 0.2,
  });

  it("carry a trigger of their own and keep their label", async () => {
    const { set: out, indices, cover } = await poison(set, made, { rate: 0.1, target: 1, seed: 4 });
    expect([indices.length, cover.length]).toEqual([30, 60]);
    expect(new Set([...indices, ...cover]).size).toBe(90);
    for (const i of cover) {
      expect(out.labels[i]).toBe(set.labels[i]);
      expect(imageAt(out, i)[0]).toBe(200 + (set.labels[i] ?? 0) + (i % 7));
    }
    for (const i of indices) {
      expect(out.labels[i]).toBe(1);
      expect(imageAt(out, i)[0]).toBe(100 + (set.labels[i] ?? 0) + (i % 7));
    }
    const plain = await poison(set, attack, { rate: 0.1, target: 1, seed: 4 });
    expect(indices).toEqual(plain.indices);
  });

  it("are refused where there are not as many images", async () => {
    await expect(poison(set, made, { rate: 0.9, target: 1, seed: 4 })).rejects.toThrow(
      "two asks for 271 poisoned and 60 cover images, there are 301; lower one of the two rates",
    );
  });

  it("need the label where the trigger differs from class to class", () => {
    expect(() => made.apply(imageAt(set, 0), 0, "test")).toThrow(/give the label too/);
  });
});

describe("triggers that a network draws", () => {
  it("are drawn many at once, and held", async () => {
    const calls: number[] = [];
    const made = attackOf({ name: "drawn", kind: "dirty-label" }, set, {
      async applyAll(images, indices, phase, labels) {
        calls.push(indices.length);
        const bytes = images.length / indices.length;
        const sign = phase === "test" ? 255 : 3;
        return images.map((x, i) => x ^ sign ^ (labels[Math.floor(i / bytes)] ?? 0));
      },
    });
    const copies = await poison(set, made, { rate: 0.1, target: 1, seed: 4 });
    const first = copies.indices[0] ?? 0;
    const expected = imageAt(set, first).map((x) => x ^ 3 ^ (set.labels[first] ?? 0));
    expect(imageAt(copies.set, first)).toEqual(expected);
    const test = await triggered(set, made, 1);
    const index = test.indices[99] ?? 0;
    expect(imageAt(test.set, 99)).toEqual(
      imageAt(set, index).map((x) => x ^ 255 ^ (set.labels[index] ?? 0)),
    );
    expect(calls).toEqual([30, 201]);
    expect(() => made.apply(imageAt(set, 0), 0, "test", 1)).toThrow(/use applyAll/);
  });
});

describe("triggered", () => {
  it("gives every image of the other classes, triggered, with its true label", async () => {
    const test = await triggered(set, attack, 1);
    expect(test.indices.length).toBe(201);
    expect(test.set.labels).toEqual(subset(set, test.indices).labels);
    expect([...test.set.labels].includes(1)).toBe(false);
    for (const i of [0, 77, 200]) {
      const index = test.indices[i] ?? 0;
      expect(imageAt(test.set, i)).toEqual(attack.apply(imageAt(set, index), index, "test"));
    }
  });
});

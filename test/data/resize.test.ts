import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { imageSet } from "../../src/data/image-set.js";
import { resized } from "../../src/data/resize.js";

const fixture = JSON.parse(
  readFileSync(new URL("../fixtures/resize.json", import.meta.url), "utf8"),
) as { picture: number[]; sizes: Record<string, number[]> };

describe("resized", () => {
  const set = imageSet({
    ...{ name: "one picture", height: 7, width: 5, channels: 3, classes: ["a"] },
    ...{ mean: [0, 0, 0], std: [1, 1, 1], labels: Uint32Array.of(0) },
    images: Uint8Array.from(fixture.picture),
  });

  it.each(Object.keys(fixture.sizes))("gives Pillow's bytes at %s", (size) => {
    const [height = 0, width = 0] = size.split("x").map(Number);
    const small = resized(set, height, width);
    expect([small.height, small.width]).toEqual([height, width]);
    expect([...small.images]).toEqual(fixture.sizes[size]);
  });

  it("gives a set of the size asked for back as it is", () => {
    expect(resized(set, 7, 5)).toBe(set);
  });
});

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { waNet } from "../../src/attacks/index.js";
import { warpOf } from "../../src/attacks/wanet.js";
import { sampleAt, upsampleBicubic } from "../../src/attacks/warp.js";

const fixture = JSON.parse(
  readFileSync(new URL("../fixtures/attacks.json", import.meta.url), "utf8"),
) as { upsampled: number[]; sampled: number[] };
const shape = { height: 7, width: 9, channels: 3 };
const image = Uint8Array.from({ length: 7 * 9 * 3 }, (_, i) => (37 * i * i + 11 * i) % 256);

it("a field is upsampled as PyTorch does, bicubically with aligned corners", () => {
  const field = Float64Array.from({ length: 32 }, (_, i) => Math.sin(1.7 * i + 0.3));
  const up = upsampleBicubic(field, 4, 7, 9, 2);
  expect(up.length).toBe(fixture.upsampled.length);
  up.forEach((value, i) => {
    expect(Math.abs(value - (fixture.upsampled[i] ?? 0))).toBeLessThan(1e-8);
  });
});

it("an image is sampled as PyTorch's grid_sample does, then rounded", () => {
  const places = Float64Array.from({ length: 7 * 9 * 2 }, (_, i) => 1.1 * Math.sin(0.9 * i + 0.1));
  const sampled = sampleAt(image, shape, places);
  sampled.forEach((value, i) => {
    expect(Math.abs(value - (fixture.sampled[i] ?? 0))).toBeLessThan(0.5 + 1e-8);
  });
});

it("WaNet's warp has the strength that is asked for, and none at strength nearly 0", async () => {
  const places = warpOf({ height: 32, width: 32, channels: 3 }, 4, 0.5, 3);
  const shifts = places.map((place, k) => {
    const pixel = k >> 1;
    const at = k % 2 === 0 ? pixel % 32 : Math.floor(pixel / 32);
    return (place - ((2 * at) / 31 - 1)) * 32;
  });
  // The mean of |u| is 1 on the nodes; between them the field is of that size.
  const mean = shifts.reduce((sum, s) => sum + Math.abs(s), 0) / shifts.length;
  expect(mean).toBeGreaterThan(0.25);
  expect(mean).toBeLessThan(0.75);
  const still = await waNet.make(shape, { strength: 1e-9 });
  expect(still.apply(image, 0, "test")).toEqual(image);
  const warped = await waNet.make(shape, { seed: 3 });
  expect(warped.apply(image, 0, "test")).not.toEqual(image);
  expect(warped.apply(image, 5, "train")).toEqual(warped.apply(image, 0, "test"));
  const other = await waNet.make(shape, { seed: 4 });
  expect(other.apply(image, 0, "test")).not.toEqual(warped.apply(image, 0, "test"));
});

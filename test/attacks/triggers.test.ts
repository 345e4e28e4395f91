import { describe, expect, it } from "vitest";
import {
  attacks,
  badNets,
  blended,
  blendedWith,
  noisePicture,
  sig,
  smoothPicture,
} from "../../src/attacks/index.js";
import { Philox } from "../../src/tensor/random.js";

const CIFAR = { height: 32, width: 32, channels: 3 };
const ODD = { height: 5, width: 7, channels: 3 };

function randomImage(bytes: number): Uint8Array {
  const random = new Philox(8, 0, "image");
  return Uint8Array.from({ length: bytes }, () => random.integer(256));
}

describe("BadNets", () => {
  it("whitens rows and columns 29 .. 31 of a CIFAR image and nothing else", async () => {
    const image = randomImage(3072);
    const out = (await badNets.make(CIFAR)).apply(image, 0, "train");
    for (let k = 0; k < 3072; k++) {
      const row = Math.floor(k / 96);
      const column = Math.floor(k / 3) % 32;
      const inside = row >= 29 && column >= 29;
      expect(out[k]).toBe(inside ? 255 : image[k]);
    }
    expect(image).toEqual(randomImage(3072));
  });

  it("takes a size, a place and the grid of 255 and 1", async () => {
    const image = randomImage(105);
    const attack = await badNets.make(ODD, { size: 3, row: 1, column: 2, pattern: "grid" });
    const out = attack.apply(image, 0, "test");
    const at = (row: number, column: number) => [
      ...out.subarray((row * 7 + column) * 3, (row * 7 + column) * 3 + 3),
    ];
    expect([at(1, 2), at(1, 3), at(1, 4)]).toEqual([
      [255, 255, 255],
      [1, 1, 1],
      [255, 255, 255],
    ]);
    expect([at(2, 2), at(2, 3)]).toEqual([
      [1, 1, 1],
      [255, 255, 255],
    ]);
    expect(out.filter((value, k) => value !== image[k]).length).toBeGreaterThan(20);
    expect(at(1, 5)).toEqual([...image.subarray(36, 39)]);
  });

  it("refuses squares that leave the image", async () => {
    const made = (options: Parameters<typeof badNets.make>[1]) => badNets.make(ODD, options);
    await expect(made({ size: 6 })).rejects.toThrow(/size 6 at row -1, column 1 .* 5x7/);
    await expect(made({ row: 3 })).rejects.toThrow(/row 3/);
    await expect(made({ size: 0 })).rejects.toThrow(/size must be an integer of at least 1, not 0/);
  });
});

describe("Blended", () => {
  it("is (1 - alpha) x + alpha t, cut off", () => {
    const picture = randomImage(105).reverse();
    const image = randomImage(105);
    const out = blendedWith(picture, ODD, 0.2).apply(image, 0, "train");
    let cut = 0;
    for (let k = 0; k < 105; k++) {
      // In fifths the blend is a whole number: no rounding of binary fractions in the reference.
      const fifths = 4 * (image[k] ?? 0) + (picture[k] ?? 0);
      expect(out[k]).toBe(Math.floor(fifths / 5));
      if (fifths % 5 >= 3) cut++;
    }
    expect(cut).toBeGreaterThan(10);
  });

  it("draws its picture from the seed", async () => {
    for (const draw of [noisePicture, smoothPicture]) {
      expect(draw(ODD, 3)).toEqual(draw(ODD, 3));
      expect(draw(ODD, 3)).not.toEqual(draw(ODD, 4));
    }
    const image = randomImage(105);
    expect((await blended.make(ODD, { alpha: 1, seed: 3 })).apply(image, 0, "test")).toEqual(
      noisePicture(ODD, 3),
    );
    expect(
      (await blended.make(ODD, { alpha: 1, seed: 3, picture: "smooth" })).apply(image, 0, "test"),
    ).toEqual(smoothPicture(ODD, 3));
  });

  it("has noise that fills 0 .. 255 and clouds whose neighbours are close", () => {
    const roughness = (picture: Uint8Array) => {
      let sum = 0;
      for (let k = 3; k < 96; k++) sum += Math.abs((picture[k] ?? 0) - (picture[k - 3] ?? 0)) / 93;
      return sum;
    };
    const noise = noisePicture(CIFAR, 1);
    expect(Math.min(...noise)).toBeLessThan(3);
    expect(Math.max(...noise)).toBeGreaterThan(252);
    expect(roughness(noise)).toBeGreaterThan(60);
    const smooth = smoothPicture(CIFAR, 1);
    expect(roughness(smooth)).toBeLessThan(25);
    expect(Math.max(...smooth) - Math.min(...smooth)).toBeGreaterThan(120);
  });

  it("refuses foreign pictures and alphas", async () => {
    expect(() => blendedWith(new Uint8Array(104), ODD)).toThrow(/104 bytes, expected 5x7x3 = 105/);
    expect(() => blendedWith(new Uint8Array(105), ODD, 0)).toThrow(/alpha must lie in \(0, 1\]/);
    await expect(blended.make(ODD, { alpha: 0 })).rejects.toThrow(
      "alpha must be a number above 0 and at most 1, not 0",
    );
  });
});

describe("SIG", () => {
  it("adds the sine of the column, clipped and cut off", async () => {
    const image = randomImage(3072);
    image.set([250, 128, 3], 3); // column 1
    image.set([250, 128, 3], 12); // column 4
    const out = (await sig.make(CIFAR)).apply(image, 0, "train");
    // Column 1: 40 sin(2 pi 6 / 32) = 36.955; column 4: 40 sin(2 pi 24 / 32) = -40.
    expect([...out.subarray(3, 6)]).toEqual([255, 164, 39]);
    expect([...out.subarray(12, 15)]).toEqual([210, 88, 0]);
    for (let k = 0; k < 3072; k++) {
      const column = Math.floor(k / 3) % 32;
      const exact = (image[k] ?? 0) + 40 * Math.sin((3 * Math.PI * column) / 8);
      const clipped = Math.min(Math.max(exact, 0), 255);
      expect(out[k]).toBe(Math.floor(clipped + 1e-9));
    }
  });

  it("leaves the columns alone where the sine is zero", async () => {
    const image = randomImage(3072);
    const out = (await sig.make(CIFAR)).apply(image, 0, "test");
    for (const column of [0, 8, 16, 24]) {
      for (let k = 0; k < 3; k++) {
        expect(out[11 * 96 + column * 3 + k]).toBe(image[11 * 96 + column * 3 + k]);
      }
    }
  });
});

describe("every attack", () => {
  it.each([...attacks])("$name knows its shape and leaves its input", async (definition) => {
    const { name, options } = definition;
    const attack = await definition.make(ODD);
    expect(attack).toMatchObject({ name, kind: definition.kind, shape: ODD });
    const image = randomImage(105);
    expect(attack.apply(image, 0, "test")).not.toEqual(image);
    expect(image).toEqual(randomImage(105));
    expect(() => attack.apply(new Uint8Array(104), 0, "test")).toThrow(
      new RegExp(`${name}: an image of 104 bytes`),
    );
    const written = JSON.parse(JSON.stringify(options.fill())) as unknown;
    expect(options.read(written, "record")).toEqual(options.fill());
  });
});

import { defineData } from "../../src/data/definition.js";
import { type ImageSet, imageSet } from "../../src/data/image-set.js";
import { integer } from "../../src/schema/index.js";
import { Philox } from "../../src/tensor/random.js";

/** Grey noise with a bright bar: lying, standing, or none. */
function bars(name: string, count: number, seed: number): ImageSet {
  const side = 8;
  const random = new Philox(seed, 0, name);
  const labels = Uint32Array.from({ length: count }, (_, i) => i % 3);
  const images = Uint8Array.from({ length: count * side * side }, (_, i) => {
    const [image, pixel] = [Math.floor(i / (side * side)), i % (side * side)];
    const [row, column] = [Math.floor(pixel / side), pixel % side];
    const inBar = [row === 4, column === 4, false][labels[image] ?? 2];
    return random.integer(100) + (inBar ? 120 : 0);
  });
  return imageSet({
    ...{ name, images, labels, height: side, width: side, channels: 1 },
    ...{ classes: ["lying", "standing", "none"], mean: [0.2], std: [0.2] },
  });
}

export const barsData = defineData({
  name: "bars",
  title: "Bars",
  doc: "bars in noise, drawn by code",
  source: "docs/extending.md",
  options: {
    train: integer({ min: 3, default: 300, doc: "training images" }),
    test: integer({ min: 3, default: 60, doc: "test images" }),
    seed: integer({ min: 0, default: 0, doc: "decides the images" }),
  },
  open: ({ train, test, seed }) => ({
    train: bars("bars-train", train, seed),
    test: bars("bars-test", test, seed),
  }),
});

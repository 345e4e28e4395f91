import { type ImageSet, imageSet } from "../../src/data/image-set.js";
import { Philox } from "../../src/tensor/random.js";

/** `count` random images of 5x7x3 in three classes that take turns. */
export function tinySet(count: number, seed = 1): ImageSet {
  const shape = { height: 5, width: 7, channels: 3 };
  const random = new Philox(seed, 0, "tiny-set");
  return imageSet({
    name: "tiny",
    ...shape,
    images: Uint8Array.from({ length: count * 5 * 7 * 3 }, () => random.integer(256)),
    labels: Uint32Array.from({ length: count }, (_, i) => i % 3),
    classes: ["a", "b", "c"],
    mean: [0.5, 0.4, 0.3],
    std: [0.2, 0.3, 0.4],
  });
}

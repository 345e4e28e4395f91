import { type ImageSet, imageBytes, imageSet } from "../../src/data/image-set.js";
import { type ImageSource, imageSource } from "../../src/data/image-source.js";
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

/** The set as a source that counts its reads, and fails at one of them (counted from 1). */
export function lazily(
  set: ImageSet,
  failing = 0,
): { source: ImageSource; readonly reads: number } {
  let reads = 0;
  const bytes = imageBytes(set);
  const { images, ...described } = set;
  const source = imageSource({
    ...described,
    async read(indices, out) {
      reads++;
      await Promise.resolve();
      if (reads === failing) throw new Error("the disk is gone");
      expectRoom(out, indices.length * bytes);
      indices.forEach((index, i) => {
        out.set(images.subarray(index * bytes, (index + 1) * bytes), i * bytes);
      });
    },
  });
  return {
    source,
    get reads() {
      return reads;
    },
  };
}

function expectRoom(out: Uint8Array, bytes: number): void {
  if (out.length !== bytes) throw new Error(`asked for ${out.length} bytes, not ${bytes}`);
}

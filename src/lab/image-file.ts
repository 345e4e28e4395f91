import type { ImageSet } from "../data/image-set.js";
import { writeSafetensors } from "../io/safetensors.js";

/** A set as a safetensors file: `images` [count, height, width, channels] and `labels` [count]. */
export function encodeImages(set: ImageSet): Uint8Array {
  const { name, classes, height, width, channels, images, labels } = set;
  const shape = [labels.length, height, width, channels];
  return writeSafetensors(
    new Map([
      ["images", { dtype: "U8", shape, data: images }],
      ["labels", { dtype: "U8", shape: [labels.length], data: Uint8Array.from(labels) }],
    ]),
    { name, classes: classes.join(",") },
  );
}

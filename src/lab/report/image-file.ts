import type { ImageSet } from "../../data/image-set.js";
import { writeSafetensors } from "../../io/safetensors.js";
import type { NamedTensor } from "../../io/state-dict.js";

/**
 * A set as a safetensors file: `images` [count, height, width, channels] and `labels` [count], of
 * a byte each where all classes have room in one.
 */
export function encodeImages(set: ImageSet): Uint8Array {
  const { name, classes, height, width, channels, images, labels } = set;
  const shape = [labels.length, height, width, channels];
  const count = { shape: [labels.length] };
  return writeSafetensors(
    new Map<string, NamedTensor>([
      ["images", { dtype: "U8", shape, data: images }],
      [
        "labels",
        classes.length > 256
          ? { ...count, dtype: "I32", data: Int32Array.from(labels) }
          : { ...count, dtype: "U8", data: Uint8Array.from(labels) },
      ],
    ]),
    { name, classes: classes.join(",") },
  );
}

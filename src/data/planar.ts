import type { ImageShape } from "./image-set.js";
import { imageBytes } from "./image-set.js";

/**
 * Reads records of one label byte followed by an image's planes (CIFAR-10's binary layout: all red,
 * then all green, then all blue, each row-major) into NHWC pixels.
 * @param first the number of the record in `images` and `labels` where this file's begin
 */
export function readPlanarRecords(
  file: Uint8Array,
  shape: ImageShape,
  images: Uint8Array,
  labels: Uint32Array,
  first: number,
): void {
  const { channels } = shape;
  const plane = shape.height * shape.width;
  const bytes = imageBytes(shape);
  const records = file.length / (bytes + 1);
  for (let record = 0; record < records; record++) {
    const from = record * (bytes + 1);
    const to = (first + record) * bytes;
    labels[first + record] = file[from] ?? 0;
    for (let channel = 0; channel < channels; channel++) {
      const source = from + 1 + channel * plane;
      for (let pixel = 0; pixel < plane; pixel++) {
        images[to + pixel * channels + channel] = file[source + pixel] ?? 0;
      }
    }
  }
}

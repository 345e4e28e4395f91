import { type ImageSet, type ImageShape, imageBytes, imageSet } from "./image-set.js";
import type { ImageSource, Images } from "./image-source.js";
import { readImages } from "./image-source.js";

/** Which pixels of the old axis a pixel of the new one is a mean of; weights in units of 2^-22. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

const unit = 2 ** 22;

/**
 * The set at another size: bilinear with antialiasing, that is a triangle filter as wide as the
 * larger of both pixels. It gives the bytes of Pillow's BILINEAR, by which torchvision resizes. In
 * memory for a set in memory, else image by image as they are read.
 *
 * @throws RangeError when height or width is no positive integer
 */
export function resized(set: ImageSet, height: number, width: number): ImageSet;
export function resized(set: Images, height: number, width: number): Images;
export function resized(set: Images, height: number, width: number): Images {
  for (const [name, value] of Object.entries({ height, width })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`resized: ${name} must be a positive integer, not ${value}`);
    }
  }
  if (set.height === height && set.width === width) return set;
  const rows = taps(set.height, height);
  const columns = taps(set.width, width);
  const to: ImageShape = { height, width, channels: set.channels };
  const [bytes, newBytes] = [imageBytes(set), imageBytes(to)];
  const convert = (images: Uint8Array, count: number, out: Uint8Array): void => {
    for (let i = 0; i < count; i++) {
      const image = images.subarray(i * bytes, (i + 1) * bytes);
      resize(image, set, rows, columns, out.subarray(i * newBytes, (i + 1) * newBytes));
    }
  };
  if ("images" in set) {
    const images = new Uint8Array(set.labels.length * newBytes);
    convert(set.images, set.labels.length, images);
    return imageSet({ ...set, ...to, images });
  }
  const source: ImageSource = {
    ...set,
    ...to,
    read: async (indices, out) => {
      const images = new Uint8Array(indices.length * bytes);
      await readImages(set, indices, images);
      convert(images, indices.length, out);
    },
  };
  return source;
}

function taps(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const end = Math.min(from, Math.floor(centre + support + 0.5));
    const raw = Array.from({ length: end - first }, (__, k) =>
      Math.max(0, 1 - Math.abs((first + k + 0.5 - centre) / support)),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((w) => Math.floor((w / sum) * unit + 0.5)) };
  });
}

/** Columns first, then rows, each rounded to bytes, as Pillow does. */
function resize(
  image: Uint8Array,
  { height, width, channels }: ImageShape,
  rows: readonly Taps[],
  columns: readonly Taps[],
  out: Uint8Array,
): void {
  const narrow = new Uint8ClampedArray(height * columns.length * channels);
  for (let y = 0; y < height; y++) {
    for (const [x, { first, weights }] of columns.entries()) {
      for (let c = 0; c < channels; c++) {
        const from = (y * width + first) * channels + c;
        let sum = 0;
        for (const [k, w] of weights.entries()) sum += w * (image[from + k * channels] ?? 0);
        narrow[(y * columns.length + x) * channels + c] = Math.floor(sum / unit + 0.5);
      }
    }
  }
  const row = columns.length * channels;
  const clamped = new Uint8ClampedArray(out.buffer, out.byteOffset, out.length);
  for (const [y, { first, weights }] of rows.entries()) {
    for (let x = 0; x < row; x++) {
      let sum = 0;
      for (const [k, w] of weights.entries()) sum += w * (narrow[(first + k) * row + x] ?? 0);
      clamped[y * row + x] = Math.floor(sum / unit + 0.5);
    }
  }
}

/** Height, width and channels of every image of a set. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Labelled 8-bit images in memory. Sets are values: functions return new ones. */
export interface ImageSet extends ImageShape {
  readonly name: string;
  /** [count, height, width, channels], row-major (NHWC). */
  readonly images: Uint8Array;
  /** [count], each an index into `classes`. */
  readonly labels: Uint32Array;
  readonly classes: readonly string[];
  /** Per channel, of pixels scaled to 0..1: networks see (byte / 255 - mean) / std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Bytes of one image. */
export function imageBytes(shape: ImageShape): number {
  return shape.height * shape.width * shape.channels;
}

/** The pixels of image `index`, as a view. */
export function imageAt(set: ImageSet, index: number): Uint8Array {
  const bytes = imageBytes(set);
  if (!Number.isInteger(index) || index < 0 || index >= set.labels.length) {
    throw new RangeError(`${set.name}: no image ${index}, the set has ${set.labels.length}`);
  }
  return set.images.subarray(index * bytes, (index + 1) * bytes);
}

/**
 * Checks that the parts of a set agree and returns it.
 * @throws RangeError that names the set, the part, what it is and what it should be
 */
export function imageSet(set: ImageSet): ImageSet {
  const fail = (message: string): never => {
    throw new RangeError(`image set ${set.name}: ${message}`);
  };
  const count = set.labels.length;
  const expected = count * imageBytes(set);
  if (set.images.length !== expected) {
    fail(
      `${set.images.length} bytes of pixels, expected ${expected} for ${count} labels of ` +
        `${set.height}x${set.width}x${set.channels}`,
    );
  }
  for (const part of ["mean", "std"] as const) {
    if (set[part].length !== set.channels) {
      fail(`${part} has ${set[part].length} values, expected one for each of ${set.channels}`);
    }
  }
  if (!set.std.every((value) => value > 0)) fail(`std must be positive, got ${set.std.join(", ")}`);
  const stray = set.labels.findIndex((label) => label >= set.classes.length);
  if (stray >= 0) {
    fail(
      `label ${set.labels[stray]} of image ${stray}, but there are ${set.classes.length} classes`,
    );
  }
  return set;
}

/** The images at `indices`, in that order, copied. */
export function subset(set: ImageSet, indices: ArrayLike<number>): ImageSet {
  const bytes = imageBytes(set);
  const images = new Uint8Array(indices.length * bytes);
  const labels = new Uint32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? 0;
    images.set(imageAt(set, index), i * bytes);
    labels[i] = set.labels[index] ?? 0;
  }
  return { ...set, images, labels };
}

/**
 * The images of `first`, then those of `second`; name and normalisation are the first's.
 * @throws RangeError when the images' shapes or the classes differ
 */
export function concat(first: ImageSet, second: ImageSet): ImageSet {
  const described = (set: ImageSet) =>
    `${set.height}x${set.width}x${set.channels} in classes ${set.classes.join(", ")}`;
  if (described(first) !== described(second)) {
    throw new RangeError(
      `concat: ${first.name} has images of ${described(first)}, ` +
        `${second.name} has ${described(second)}`,
    );
  }
  const images = new Uint8Array(first.images.length + second.images.length);
  images.set(first.images);
  images.set(second.images, first.images.length);
  const labels = new Uint32Array(first.labels.length + second.labels.length);
  labels.set(first.labels);
  labels.set(second.labels, first.labels.length);
  return { ...first, images, labels };
}

/** How many images each class has. */
export function classCounts(set: ImageSet): number[] {
  const counts = new Array<number>(set.classes.length).fill(0);
  for (const label of set.labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

/** Height, width and channels of every image of a set. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** What is known of labelled images without reading their pixels. */
export interface Labelled extends ImageShape {
  readonly name: string;
  /** [count], each an index into `classes`. */
  readonly labels: Uint32Array;
  readonly classes: readonly string[];
  /** Per channel, of pixels scaled to 0..1: networks see (byte / 255 - mean) / std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Labelled 8-bit images in memory. Sets are values: functions return new ones. */
export interface ImageSet extends Labelled {
  /** [count, height, width, channels], row-major (NHWC). */
  readonly images: Uint8Array;
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
  const count = set.labels.length;
  const expected = count * imageBytes(set);
  if (set.images.length !== expected) {
    throw new RangeError(
      `image set ${set.name}: ${set.images.length} bytes of pixels, expected ${expected} for ` +
        `${count} labels of ${set.height}x${set.width}x${set.channels}`,
    );
  }
  checkLabelled(set);
  return set;
}

/** @throws RangeError when normalisation, labels or extents of a set cannot be right */
export function checkLabelled(set: Labelled): void {
  const fail = (message: string): never => {
    throw new RangeError(`image set ${set.name}: ${message}`);
  };
  for (const part of ["height", "width", "channels"] as const) {
    if (!Number.isInteger(set[part]) || set[part] < 1) {
      fail(`${part} must be a positive integer, got ${set[part]}`);
    }
  }
  for (const part of ["mean", "std"] as const) {
    if (set[part].length !== set.channels) {
      fail(`${part} has ${set[part].length} values, expected one for each of ${set.channels}`);
    }
  }
  const positive = (value: number) => value > 0 && Number.isFinite(value);
  if (!set.std.every(positive)) fail(`std must be positive, got ${set.std.join(", ")}`);
  if (!set.mean.every(Number.isFinite)) fail(`mean must be finite, got ${set.mean.join(", ")}`);
  const stray = set.labels.findIndex((label) => label >= set.classes.length);
  if (stray >= 0) {
    fail(
      `label ${set.labels[stray]} of image ${stray}, but there are ${set.classes.length} classes`,
    );
  }
}

/** How many images each class has. */
export function classCounts({ labels, classes }: Labelled): number[] {
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

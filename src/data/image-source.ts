import { checkLabelled, type ImageSet, imageBytes, type Labelled } from "./image-set.js";

/**
 * Labelled 8-bit images that are read when they are needed, so that a set may be larger than memory.
 * Labels are at hand; pixels come from `read`.
 */
export interface ImageSource extends Labelled {
  /**
   * Writes the images at `indices` one after the other to `out`, [indices.length, height, width,
   * channels]. May be called again before an earlier call has ended. Indices are valid positions.
   */
  read(indices: Uint32Array, out: Uint8Array): void | Promise<void>;
}

/** Images in memory or read on demand: what splits, loaders, training and prediction take. */
export type Images = ImageSet | ImageSource;

const inMemory = (set: Images): set is ImageSet => "images" in set;

/**
 * Checks the parts of a source and returns it; what it reads is held to the size that was asked for.
 * @throws RangeError that names the source, the part, what it is and what it should be
 */
export function imageSource(source: ImageSource): ImageSource {
  checkLabelled(source);
  return source;
}

/** Writes the images at `indices` to `out`; at once where the set is in memory. */
export function readImages(
  set: Images,
  indices: Uint32Array,
  out: Uint8Array,
): void | Promise<void> {
  const bytes = imageBytes(set);
  if (out.length < indices.length * bytes) {
    throw new RangeError(
      `${set.name}: ${indices.length} images take ${indices.length * bytes} bytes, there are ` +
        `${out.length} to read into`,
    );
  }
  const stray = indices.find((index) => index >= set.labels.length);
  if (stray !== undefined) {
    throw new RangeError(`${set.name}: no image ${stray}, the set has ${set.labels.length}`);
  }
  const target = out.subarray(0, indices.length * bytes);
  if (!inMemory(set)) return set.read(indices, target);
  indices.forEach((index, i) => {
    target.set(set.images.subarray(index * bytes, (index + 1) * bytes), i * bytes);
  });
}

/** The set with all of its images in memory; itself where they are. */
export async function loadImages(set: Images): Promise<ImageSet> {
  if (inMemory(set)) return set;
  const everything = set.labels.map((_, i) => i);
  const images = new Uint8Array(everything.length * imageBytes(set));
  await readImages(set, everything, images);
  return { ...described(set), images };
}

/** All but the pixels. */
function described(set: Images): Labelled {
  const { name, labels, classes, mean, std, height, width, channels } = set;
  return { name, labels, classes, mean, std, height, width, channels };
}

/** The images at `indices`, in that order: copied from memory, else read when they are needed. */
export function subset<S extends Images>(set: S, indices: ArrayLike<number>): S;
export function subset(set: Images, indices: ArrayLike<number>): Images {
  const chosen = Uint32Array.from(indices);
  for (let i = 0; i < indices.length; i++) {
    if (chosen[i] === indices[i] && (indices[i] as number) < set.labels.length) continue;
    throw new RangeError(`${set.name}: no image ${indices[i]}, the set has ${set.labels.length}`);
  }
  const labels = chosen.map((index) => set.labels[index] ?? 0);
  if (inMemory(set)) {
    const images = new Uint8Array(chosen.length * imageBytes(set));
    readImages(set, chosen, images);
    return { ...set, images, labels };
  }
  return {
    ...set,
    labels,
    read: (asked, out) =>
      set.read(
        asked.map((i) => chosen[i] ?? 0),
        out,
      ),
  };
}

/**
 * The images of `first`, then those of `second`; name and normalisation are the first's.
 * @throws RangeError when the images' shapes or the classes differ
 */
export function concatImages(first: ImageSet, second: ImageSet): ImageSet;
export function concatImages(first: Images, second: Images): Images;
export function concatImages(first: Images, second: Images): Images {
  const form = (set: Images) =>
    `${set.height}x${set.width}x${set.channels} in classes ${set.classes.join(", ")}`;
  if (form(first) !== form(second)) {
    throw new RangeError(
      `concatImages: ${first.name} has images of ${form(first)}, ${second.name} has ${form(second)}`,
    );
  }
  const count = first.labels.length;
  const labels = new Uint32Array(count + second.labels.length);
  labels.set(first.labels);
  labels.set(second.labels, count);
  if (inMemory(first) && inMemory(second)) {
    const images = new Uint8Array(first.images.length + second.images.length);
    images.set(first.images);
    images.set(second.images, first.images.length);
    return { ...first, images, labels };
  }
  const bytes = imageBytes(first);
  return {
    ...described(first),
    labels,
    read: async (indices, out) => {
      // Runs of images of one part are read together, straight to where they go.
      for (let from = 0, to = 0; from < indices.length; from = to) {
        const isSecond = (indices[from] as number) >= count;
        while (to < indices.length && (indices[to] as number) >= count === isSecond) to++;
        const run = indices.slice(from, to).map((index) => (isSecond ? index - count : index));
        await readImages(isSecond ? second : first, run, out.subarray(from * bytes, to * bytes));
      }
    },
  };
}

/**
 * The set with some images replaced, such as by triggered copies, and labels of its own: at once in
 * memory, else whenever they are read.
 * @param chosen positions of the images to replace
 * @param change the new pixels of the image at `index`; `image` is a copy it may keep
 * @throws RangeError when it gives other than an image's bytes
 */
export function replaceImages<S extends Images>(
  set: S,
  chosen: Uint32Array,
  change: (image: Uint8Array, index: number) => Uint8Array,
  labels?: Uint32Array,
): S;
export function replaceImages(
  set: Images,
  chosen: Uint32Array,
  change: (image: Uint8Array, index: number) => Uint8Array,
  labels: Uint32Array = set.labels,
): Images {
  const bytes = imageBytes(set);
  const put = (out: Uint8Array, at: number, index: number): void => {
    const changed = change(out.slice(at * bytes, (at + 1) * bytes), index);
    if (changed.length !== bytes) {
      throw new RangeError(
        `${set.name}: image ${index} was replaced by ${changed.length} bytes, not ${bytes}`,
      );
    }
    out.set(changed, at * bytes);
  };
  if (inMemory(set)) {
    const images = set.images.slice();
    for (const index of chosen) put(images, index, index);
    return { ...set, images, labels };
  }
  const replaced = new Set(chosen);
  return {
    ...set,
    labels,
    read: async (indices, out) => {
      await set.read(indices, out);
      indices.forEach((index, i) => {
        if (replaced.has(index)) put(out, i, index);
      });
    },
  };
}

import { Philox } from "../tensor/random.js";
import { type ImageSet, imageBytes } from "./image-set.js";

export interface LoaderOptions {
  batchSize: number;
  seed: number;
  /** A new order every epoch (default), or the set's own order. */
  shuffle?: boolean;
  /** Leave the last batch out when it is smaller than the others (default: false). */
  dropLast?: boolean;
}

/** Filled in place: valid until the second-next batch is asked for. */
export interface Batch {
  /** Images in this batch. */
  readonly count: number;
  /** NHWC pixels, zero bytes added up to a multiple of 4. */
  readonly images: Uint8Array;
  readonly labels: Uint32Array;
  /** Where in the set each image lies. */
  readonly indices: Uint32Array;
}

/**
 * Cuts a set into batches. The order of epoch e depends on the seed and e alone, so a run can resume
 * at any epoch. Two batches of memory are used in turn: while a device still copies or reads one,
 * the next is filled, and a steady step allocates nothing.
 */
export class BatchLoader {
  /** Batches in an epoch. */
  readonly length: number;
  readonly #set: ImageSet;
  readonly #batchSize: number;
  readonly #seed: number;
  readonly #shuffle: boolean;
  readonly #slots: readonly [Batch, Batch];
  readonly #last: Batch | null;

  /** @throws RangeError when the batch size is not a positive integer or no batch would result */
  constructor(set: ImageSet, options: LoaderOptions) {
    const { batchSize, seed, shuffle = true, dropLast = false } = options;
    const count = set.labels.length;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`BatchLoader: batchSize must be a positive integer, got ${batchSize}`);
    }
    const rest = dropLast ? 0 : count % batchSize;
    this.length = Math.floor(count / batchSize) + (rest > 0 ? 1 : 0);
    if (this.length === 0) {
      throw new RangeError(
        `BatchLoader: ${set.name} has ${count} images, not one batch of ${batchSize}; ` +
          "choose a smaller batch or keep the last one (dropLast: false)",
      );
    }
    this.#set = set;
    this.#batchSize = batchSize;
    this.#seed = seed;
    this.#shuffle = shuffle;
    this.#slots = [emptyBatch(set, batchSize), emptyBatch(set, batchSize)];
    this.#last = rest > 0 ? emptyBatch(set, rest) : null;
  }

  /** The batches of an epoch, the first `skip` left out. One epoch at a time: memory is shared. */
  *epoch(epoch: number, skip = 0): Generator<Batch, void, void> {
    const count = this.#set.labels.length;
    const order = this.#shuffle
      ? new Philox(this.#seed, epoch, "shuffle").permutation(count)
      : Uint32Array.from({ length: count }, (_, i) => i);
    for (let k = skip; k < this.length; k++) {
      const first = k * this.#batchSize;
      const short = first + this.#batchSize > count;
      const batch = short && this.#last !== null ? this.#last : this.#slots[k % 2 === 0 ? 0 : 1];
      this.#fill(batch, order, first);
      yield batch;
    }
  }

  #fill(batch: Batch, order: Uint32Array, first: number): void {
    const { images, labels } = this.#set;
    const bytes = imageBytes(this.#set);
    for (let i = 0; i < batch.count; i++) {
      const index = order[first + i] ?? 0;
      batch.images.set(images.subarray(index * bytes, (index + 1) * bytes), i * bytes);
      batch.labels[i] = labels[index] ?? 0;
      batch.indices[i] = index;
    }
  }
}

function emptyBatch(set: ImageSet, count: number): Batch {
  return {
    count,
    images: new Uint8Array(Math.ceil((count * imageBytes(set)) / 4) * 4),
    labels: new Uint32Array(count),
    indices: new Uint32Array(count),
  };
}

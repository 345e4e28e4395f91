import { Philox } from "../tensor/random.js";
import { imageBytes, type Labelled } from "./image-set.js";
import { type Images, readImages } from "./image-source.js";

export interface LoaderOptions {
  batchSize: number;
  seed: number;
  /** A new order every epoch (default), or the set's own order. */
  shuffle?: boolean;
  /** Leave the last batch out when it is smaller than the others (default: false). */
  dropLast?: boolean;
}

/** Filled in place: valid until the second-next batch of the epoch is asked for. */
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
 * at any epoch. Batches of memory are used in turn: while a device still copies or reads one, the
 * next is filled, and a steady step allocates nothing. A source is read one batch ahead, while
 * whoever took a batch works on it.
 */
export class BatchLoader {
  /** Batches in an epoch. */
  readonly length: number;
  readonly #set: Images;
  readonly #batchSize: number;
  readonly #seed: number;
  readonly #shuffle: boolean;
  readonly #slots: readonly Batch[];
  readonly #last: Batch | null;

  /** @throws RangeError when the batch size is not a positive integer or no batch would result */
  constructor(set: Images, options: LoaderOptions) {
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
    // One in use, one that a device may still copy, one being read ahead.
    this.#slots = Array.from({ length: Math.min(3, this.length) }, () =>
      emptyBatch(set, Math.min(batchSize, count)),
    );
    this.#last = rest > 0 ? emptyBatch(set, rest) : null;
  }

  /**
   * The batches of an epoch, the first `skip` left out. One epoch at a time: memory is shared.
   * Rejects with what reading a source rejects with.
   */
  async *epoch(epoch: number, skip = 0): AsyncGenerator<Batch, void, void> {
    const count = this.#set.labels.length;
    const order = epochOrder(count, this.#shuffle ? this.#seed : null, epoch);
    let ahead = skip < this.length ? this.#fill(order, skip) : null;
    for (let k = skip; k < this.length; k++) {
      const batch = ahead instanceof Promise ? await ahead : ahead;
      ahead = k + 1 < this.length ? this.#fill(order, k + 1) : null;
      // A failure belongs to whoever asks for that batch, maybe never.
      if (ahead instanceof Promise) ahead.catch(() => {});
      if (batch) yield batch;
    }
  }

  #fill(order: Uint32Array, k: number): Batch | Promise<Batch> {
    const first = k * this.#batchSize;
    const short = first + this.#batchSize > order.length;
    const batch = short && this.#last ? this.#last : this.#slots[k % this.#slots.length];
    if (!batch) throw new Error("BatchLoader: no slot");
    const { indices, labels, images } = batch;
    indices.set(order.subarray(first, first + batch.count));
    indices.forEach((index, i) => {
      labels[i] = this.#set.labels[index] ?? 0;
    });
    const reading = readImages(this.#set, indices, images);
    return reading ? reading.then(() => batch) : batch;
  }
}

/** The order of the examples in an epoch; their own without a seed. */
export const epochOrder = (count: number, seed: number | null, epoch: number): Uint32Array =>
  seed === null
    ? Uint32Array.from({ length: count }, (_, i) => i)
    : new Philox(seed, epoch, "shuffle").permutation(count);

function emptyBatch(set: Labelled, count: number): Batch {
  return {
    count,
    images: new Uint8Array(Math.ceil((count * imageBytes(set)) / 4) * 4),
    labels: new Uint32Array(count),
    indices: new Uint32Array(count),
  };
}

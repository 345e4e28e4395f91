import type { Images } from "../data/image-source.js";
import { type Batch, BatchLoader, type LoaderOptions } from "../data/loader.js";
import type { Device } from "../device/device.js";
import type { FloatType } from "../tensor/tensor.js";
import { type Augmentation, BatchInput } from "./batch-input.js";
import type { Batches, Feed, ImageBatch } from "./feed.js";

export interface ImageBatchOptions extends LoaderOptions {
  augmentation: Augmentation;
  /** Element type of the images on the device. */
  dtype: FloatType;
}

/** Images as `fit` takes them: loaded batch by batch, augmented on the device. */
export class ImageBatches implements Batches<Batch, ImageBatch> {
  readonly #device: Device;
  readonly #set: Images;
  readonly #loader: BatchLoader;
  readonly #options: ImageBatchOptions;

  constructor(device: Device, set: Images, options: ImageBatchOptions) {
    this.#device = device;
    this.#set = set;
    this.#loader = new BatchLoader(set, options);
    this.#options = options;
  }

  get length(): number {
    return this.#loader.length;
  }

  epoch(epoch: number): AsyncIterable<Batch> {
    return this.#loader.epoch(epoch);
  }

  feed(count: number): Feed<Batch, ImageBatch> {
    const { augmentation, dtype } = this.#options;
    const input = new BatchInput(this.#device, this.#set, count);
    return {
      write: (batch, at) => input.write(batch, at),
      batch: () => ({ images: input.images(augmentation, dtype), labels: input.labels }),
      release: () => input.release(),
    };
  }
}

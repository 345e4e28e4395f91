import { imageBytes, type Labelled } from "../data/image-set.js";
import type { Batch } from "../data/loader.js";
import type { Device } from "../device/device.js";
import { type AugmentOptions, augment, packBytes } from "../ops/augment.js";
import { randomState } from "../ops/random.js";
import { empty } from "../tensor/create.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import type { Moment } from "./feed.js";

/** Random crop and flip of the training images. */
export interface Augmentation {
  /** Pixels of padding that the crop may move into. */
  pad: number;
  flip: boolean;
}

export const noAugmentation: Augmentation = { pad: 0, flip: false };

/** The device memory that batches of one size are written to, step after step. */
export class BatchInput {
  readonly #images: Tensor;
  readonly #labels: Tensor;
  readonly #state: Tensor;
  readonly #options: Omit<AugmentOptions, "pad" | "flip" | "state">;

  constructor(device: Device, set: Labelled, count: number) {
    const words = Math.ceil((count * imageBytes(set)) / 4);
    this.#images = empty(device, [words], "u32", "image bytes").keep();
    this.#labels = empty(device, [count], "u32", "labels").keep();
    this.#state = empty(device, [4], "u32", "augmentation state").keep();
    const shape = [count, set.height, set.width, set.channels] as const;
    this.#options = { shape, mean: set.mean, std: set.std };
  }

  get labels(): Tensor {
    return this.#labels;
  }

  /** Hands a batch to the device; the moment decides its crops and flips. */
  write(batch: Pick<Batch, "images" | "labels">, { seed, epoch, step }: Moment): void {
    this.#images.write(packBytes(batch.images));
    this.#labels.write(batch.labels);
    this.#state.write(randomState(seed, epoch, step));
  }

  /** The network's input [count, height, width, 4]. */
  images(augmentation: Augmentation, dtype: FloatType = "f32"): Tensor {
    return augment(this.#images, { ...this.#options, ...augmentation, dtype, state: this.#state });
  }

  release(): void {
    for (const t of [this.#images, this.#labels, this.#state]) t.release();
  }
}

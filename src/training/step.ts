import { backward } from "../autograd/tape.js";
import type { Recording } from "../device/device.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import { type CrossEntropyOptions, crossEntropy } from "../ops/cross-entropy.js";
import { add } from "../ops/elementwise.js";
import type { Optimizer } from "../optim/optimizer.js";
import { empty } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Augmentation, BatchInput } from "./batch-input.js";
import type { MixedPrecision } from "./precision.js";

export interface StepOptions {
  augmentation: Augmentation;
  loss?: Pick<CrossEntropyOptions, "labelSmoothing" | "smoothingOver">;
  /** Trains in mixed precision, with these weights and this loss scale. Default: in f32. */
  mixed?: MixedPrecision;
  /** A scalar added to the loss; made of ops. */
  penalty?: () => Tensor;
  /** Follows the optimizer's step; made of ops. */
  afterStep?: () => void;
}

/**
 * One training step for batches of one size: augment, forward, cross-entropy (+ penalty), backward,
 * update. In mixed precision a step whose gradients overflow updates nothing, which the device
 * decides. It is recorded once and replayed, so a step is encoding alone: no shapes, no graph, no
 * allocation. What differs between steps (images, labels, random state, learning rate, step count)
 * is data.
 */
export class TrainStep {
  readonly #recording: Recording;
  readonly #loss: Tensor;

  constructor(model: Classifier, input: BatchInput, optimizer: Optimizer, options: StepOptions) {
    const { device } = placementOf(model);
    this.#loss = empty(device, [], "f32", "the step's loss").keep();
    this.#recording = device.capture(() => {
      using _ = device.scope();
      const { augmentation, mixed } = options;
      const images = input.images(augmentation, mixed ? "f16" : "f32");
      const logits = mixed ? mixed.forward(images) : model.forward(images);
      const loss = crossEntropy(logits, input.labels, options.loss);
      device.run("copy", { src: loss.slice, dst: this.#loss.slice });
      const total = options.penalty ? add(loss, options.penalty()) : loss;
      backward(mixed ? mixed.scaler.scale(total) : total, { release: true });
      optimizer.step(mixed?.scaler);
      options.afterStep?.();
    });
  }

  /** Compiles the step's kernels ahead of its first run; see `Recording.ready`. */
  ready(onProgress?: (done: number, all: number) => void): Promise<void> {
    return this.#recording.ready(onProgress);
  }

  /** Enqueues the step on what the input holds; resolves to the batch's cross-entropy. */
  async run(): Promise<number> {
    this.#recording.replay();
    return this.#loss.item();
  }

  release(): void {
    this.#recording.release();
    this.#loss.release();
  }
}

import type { Device } from "../device/device.js";
import { requireHalf } from "../device/half.js";
import { HalfWeights } from "../nn/half-weights.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import { LossScaler, type LossScalerOptions } from "../optim/loss-scaler.js";
import type { Tensor } from "../tensor/tensor.js";

export const precisions = ["f32", "mixed"] as const;

/**
 * "mixed" trains on f16 activations, activations' gradients and operands of convolutions, adds in
 * f32, and keeps parameters and their gradients, statistics, head and loss in f32.
 */
export type Precision = (typeof precisions)[number];

/** Throws UnsupportedPrecisionError on a device that cannot train in this precision. */
export function checkPrecision(device: Device, precision: Precision): void {
  if (precision === "mixed") requireHalf(device, 'precision "mixed"');
}

/** What training steps in mixed precision share. */
export class MixedPrecision {
  readonly scaler: LossScaler;
  readonly #model: Module;
  readonly #weights: HalfWeights;

  /** @throws UnsupportedPrecisionError when the model's device has no 16-bit floats */
  constructor(model: Module, options: LossScalerOptions = {}) {
    this.#model = model;
    this.#weights = new HalfWeights(model);
    this.scaler = new LossScaler(placementOf(model).device, options);
  }

  /** Copies the parameters as they are now to the f16 weights; do it once before `forward`. */
  refresh(): void {
    this.#weights.refresh();
  }

  /** The model's logits for f16 images, by the weights last refreshed. */
  forward(images: Tensor): Tensor {
    return this.#weights.use(() => this.#model.forward(images));
  }

  release(): void {
    this.#weights.release();
    this.scaler.release();
  }
}

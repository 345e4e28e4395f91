import type { Device } from "../device/device.js";
import { requireHalf } from "../device/half.js";
import type { Slice } from "../device/storage.js";
import { synchronous } from "../device/synchronous.js";
import { convert } from "../tensor/convert.js";
import { Tensor } from "../tensor/tensor.js";
import type { Module } from "./module.js";
import { placementOf } from "./place.js";

/**
 * A copy of a placed model's parameters as f16, for convolutions and matrix products on f16
 * activations. The parameters themselves stay f32 and get f32 gradients: the optimizer adds steps to
 * them that f16 would round away.
 */
export class HalfWeights {
  readonly #device: Device;
  readonly #values: Slice;
  readonly #halves: Slice;
  readonly #twins: readonly (readonly [Tensor, Tensor])[];

  /** @throws UnsupportedPrecisionError on a device without 16-bit floats */
  constructor(model: Module) {
    const { device, values } = placementOf(model);
    requireHalf(device, 'precision "mixed"');
    const storage = device.allocate(values.length * 2, "the model's parameters as f16");
    device.keep(storage);
    this.#device = device;
    this.#values = values;
    this.#halves = { storage, offset: 0, length: values.length, type: "f16" };
    this.#twins = model.parameters().map(([, { own: value }]) => {
      const { offset, length } = value.slice;
      const slice: Slice = { storage, offset, length, type: "f16" };
      return [value, new Tensor(device, slice, value.shape, "f16")];
    });
  }

  /** Enqueues the copy, one kernel for the whole model; do it before every forward pass. */
  refresh(): void {
    convert(this.#device, this.#values, this.#halves);
  }

  /** Runs `body`, in which ops on f16 activations read the copy instead of casting each weight. */
  use<T>(body: () => T): T {
    for (const [value, half] of this.#twins) value.half = half;
    try {
      return synchronous("HalfWeights.use", body());
    } finally {
      for (const [value] of this.#twins) value.half = undefined;
    }
  }

  release(): void {
    this.#device.release(this.#halves.storage);
  }
}

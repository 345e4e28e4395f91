import type { Labelled } from "../data/image-set.js";
import type { Device } from "../device/device.js";
import { imageChannels } from "../nn/parameter.js";
import { add, clamp, mul, sub } from "../ops/elementwise.js";
import { tensor } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";

/**
 * Between pixels in [0, 1] and a network's input x = (p - mean) / std, by vectors over its channels.
 * Those beyond the images' own are zero on both sides.
 */
export class PixelScale {
  /** 1 / std: from a change of pixels to one of the input. */
  readonly scale: Tensor;
  readonly #shift: Tensor;
  readonly #std: Tensor;
  readonly #mean: Tensor;

  constructor(device: Device, { channels, mean, std }: Labelled) {
    const over = (value: (c: number) => number): Tensor =>
      tensor(
        device,
        Array.from({ length: imageChannels }, (_, c) => (c < channels ? value(c) : 0)),
      ).keep();
    this.scale = over((c) => 1 / (std[c] ?? 1));
    this.#shift = over((c) => -(mean[c] ?? 0) / (std[c] ?? 1));
    this.#std = over((c) => std[c] ?? 1);
    this.#mean = over((c) => mean[c] ?? 0);
  }

  /** The network's input for pixels. */
  input(pixels: Tensor): Tensor {
    return add(mul(pixels, this.scale), this.#shift);
  }

  /** The input with its pixels changed, held within [0, 1]. */
  changed(x: Tensor, change: Tensor): Tensor {
    const pixels = add(mul(x, this.#std), this.#mean);
    return this.input(clamp(add(pixels, change), 0, 1));
  }

  /** The input with its pixels replaced by others as far as a mask in [0, 1] says. */
  replaced(x: Tensor, mask: Tensor, pixels: Tensor): Tensor {
    return add(x, mul(mask, sub(this.input(pixels), x)));
  }

  release(): void {
    for (const t of [this.scale, this.#shift, this.#std, this.#mean]) t.release();
  }
}

import type { Labelled } from "../data/image-set.js";
import type { Device } from "../device/device.js";
import { imageChannels } from "../nn/parameter.js";
import { tensor } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";

/**
 * From pixels in [0, 1] to a network's input: x = scale p + shift, a vector over its channels. Those
 * beyond the images' own stay zero.
 */
export interface PixelScale {
  /** 1 / std. */
  readonly scale: Tensor;
  /** -mean / std. */
  readonly shift: Tensor;
}

export function pixelScale(device: Device, { channels, mean, std }: Labelled): PixelScale {
  const over = (value: (c: number) => number): Tensor =>
    tensor(
      device,
      Array.from({ length: imageChannels }, (_, c) => (c < channels ? value(c) : 0)),
    );
  return {
    scale: over((c) => 1 / (std[c] ?? 1)),
    shift: over((c) => -(mean[c] ?? 0) / (std[c] ?? 1)),
  };
}

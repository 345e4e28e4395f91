import { type ImageSet, imageSet } from "../../src/data/image-set.js";
import type { Device } from "../../src/device/device.js";
import { resnet18 } from "../../src/models/resnet.js";
import { type Placement, place } from "../../src/nn/place.js";
import { Philox } from "../../src/tensor/random.js";

/** Tiny images whose class is the channel with the bright half: learnable in a few steps. */
export function tinySet(count: number, seed: number, size = 9): ImageSet {
  const random = new Philox(seed, 0, "tiny set");
  const images = new Uint8Array(count * size * size * 3);
  const labels = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const label = i % 3;
    labels[i] = label;
    for (let p = 0; p < size * size; p++) {
      for (let c = 0; c < 3; c++) {
        const bright = c === label ? 110 : 0;
        images[(i * size * size + p) * 3 + c] = 20 + random.integer(100) + bright;
      }
    }
  }
  return imageSet({
    name: "tiny",
    height: size,
    width: size,
    channels: 3,
    images,
    labels,
    classes: ["red", "green", "blue"],
    mean: [0.4, 0.4, 0.4],
    std: [0.25, 0.25, 0.25],
  });
}

export function tinyModel(device: Device, seed = 1) {
  const model = resnet18({ width: 4, classes: 3 });
  const placement: Placement = place(model, device, { seed });
  return { model, placement };
}

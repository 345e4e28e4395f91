import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { empty } from "../tensor/create.js";
import { formatShape } from "../tensor/shape.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { checkInputs, checkInteger } from "./arguments.js";

export interface AugmentOptions {
  /** [n, h, w, channels] of the packed bytes. */
  shape: readonly [number, number, number, number];
  /** Per-channel statistics of pixels in [0, 1]. */
  mean: readonly number[];
  std: readonly number[];
  /** Random shift by up to this many pixels each way, as a crop from the padded image. Default 0. */
  pad?: number;
  /** Random horizontal flip with probability one half. Default false. */
  flip?: boolean;
  /** Element type of the result. Default "f32". */
  dtype?: FloatType;
  /** u32 [4]: seed (2 words), then what tells this draw from others, e.g. epoch and step. */
  state: Tensor;
}

const augmentOptions: OptionTable<AugmentOptions> = {
  shape: "checked!",
  mean: "checked!",
  std: "checked!",
  pad: "number",
  flip: "boolean",
  dtype: ["f32", "f16"],
  state: "checked!",
};

/**
 * From 8-bit images to the network's input in one pass: random crop with padding, random flip,
 * scaling to [0, 1], normalisation, padding to 4 channels. With pad 0 and no flip it is the
 * plain test-time transform. `images` is a u32 tensor of packed bytes (see `packBytes`).
 * No gradient.
 */
export function augment(images: Tensor, options: AugmentOptions): Tensor {
  checkOptions("augment", options, augmentOptions);
  const { shape, mean, std, pad = 0, flip = false, dtype = "f32", state } = options;
  const [n, h, w, channels] = shape;
  checkInputs("augment", [images, state], "u32");
  checkInteger("augment", "pad", pad, 0);
  const bytes = n * h * w * channels;
  if (images.size !== Math.ceil(bytes / 4)) {
    throw new ShapeError(
      `augment: ${formatShape(shape)} is ${bytes} bytes, ${Math.ceil(bytes / 4)} words; ` +
        `the images hold ${images.size} words`,
    );
  }
  if (channels < 1 || channels > 4 || mean.length < channels || std.length < channels) {
    throw new ShapeError(
      `augment: ${channels} channels need 1 to 4 channels and as many means (${mean.length}) ` +
        `and deviations (${std.length})`,
    );
  }
  if (state.size !== 4) throw new ShapeError(`augment: state must be [4], not ${state.size} words`);
  const out = empty(images.device, [n, h, w, 4], dtype, "batch");
  if (out.size > 0) {
    const sizes = { n, h, w, channels, pad, flip, mean, std };
    images.device.run("augment", {
      images: images.slice,
      out: out.slice,
      state: state.slice,
      ...sizes,
    });
  }
  return out;
}

/** Bytes seen as little-endian 32-bit words, padded with zeros to a whole word. */
export function packBytes(bytes: Uint8Array): Uint32Array {
  if (bytes.byteLength % 4 === 0 && bytes.byteOffset % 4 === 0) {
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  }
  const padded = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}

import augmentText from "../../../shaders/augment.wgsl";
import drawText from "../../../shaders/augment-draw.wgsl";
import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import mathText from "../../../shaders/math.wgsl";
import philoxText from "../../../shaders/philox.wgsl";
import randomText from "../../../shaders/random.wgsl";
import { float32Bits } from "../float32.js";
import type { Slice } from "../storage.js";
import { reads, shader, writes } from "../webgpu/lowering.js";
import { mathTypes, perGroup, storedAs } from "../webgpu/spread.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

export interface RandomCalls {
  /**
   * Philox4x32-10, key = state[0..1], counter = (block, state[2], state[3], 0); element i is word
   * i % 4 of block floor(i / 4). uniform: low + (high - low) * (word >> 8) * 2^-24.
   * normal: words (2j, 2j+1) of a block make a Box-Muller pair (cosine, then sine) with
   * u1 = ((word >> 8) + 1) * 2^-24, u2 = (word' >> 8) * 2^-24; low is the mean, high the deviation.
   */
  random: { op: "uniform" | "normal"; out: Slice; state: Slice; low: number; high: number };
  augment: AugmentCall;
}

/**
 * Batch augmentation: 8-bit images to normalised float, padded to 4 channels.
 * images: bytes [n, h, w, channels] packed little-endian into u32 words; out: [n, h, w, 4] f32.
 * Image i draws words r0..r3 of Philox4x32-10 with key = state[0..1], counter = (i, state[2],
 * state[3], 1): dy = mulhi(r0, 2 pad + 1) - pad, dx = mulhi(r1, 2 pad + 1) - pad (the window's
 * shift; mulhi(r, m) = floor(r * m / 2^32)), flip when flip and r2 >> 31 = 1.
 * Pixel (y, x) comes from (y + dy, flip ? w - 1 - x + dx : x + dx); outside is a black pixel.
 * out = (byte / 255 - mean[c]) / std[c]; channels c >= `channels` are 0, also outside.
 */
export interface AugmentCall {
  images: Slice;
  out: Slice;
  state: Slice;
  n: number;
  h: number;
  w: number;
  channels: number;
  pad: number;
  flip: boolean;
  mean: readonly number[];
  std: readonly number[];
}

const randomShader = shader("random", groupText, compareText, mathText, philoxText, randomText);
const drawShader = shader("augment draw", philoxText, drawText);
const augmentShader = shader("augment", groupText, augmentText);

/** Means and deviations of four channels; those beyond the images' are 0 with deviation 1. */
const normalisation = ({ channels, mean, std }: AugmentCall): number[] =>
  [mean, std].flatMap((values, rest) =>
    [0, 1, 2, 3].map((c) => float32Bits(c < channels ? (values[c] ?? rest) : rest)),
  );

export const randomKernels: Kernels<RandomCalls> = {
  random: {
    writes: ["out"],
    cost: ({ op, out }) => cost(`random ${op}`, [out.length], 0, bytesOf(out)),
    webgpu(gpu, { op, out, state, low, high }) {
      gpu.dispatch({
        shader: randomShader,
        constants: { ...mathTypes(1), NORMAL: op === "normal" },
        bindings: [reads(state), writes(out)],
        params: [out.length, float32Bits(low), float32Bits(high)],
        workgroups: perGroup(Math.ceil(out.length / 4), 64),
      });
    },
    cpu({ op, out, state, low, high }, { address, command }) {
      command("random", [
        ...[op === "normal" ? 1 : 0, address(out), address(state), out.length],
        ...[float32Bits(low), float32Bits(high)],
      ]);
    },
  },
  augment: {
    writes: ["out"],
    cost: ({ images, out, n, h, w, channels }) =>
      cost("augment", [n, h, w, channels], 3 * n * h * w * channels, bytesOf(images, out)),
    webgpu(gpu, call) {
      const { images, out, state, n, h, w, channels, pad, flip } = call;
      const moves = gpu.scratch(n * 4);
      gpu.dispatch({
        shader: drawShader,
        bindings: [reads(state), writes(moves)],
        params: [n, pad, flip ? 1 : 0],
        workgroups: [perGroup(n, 64), 1, 1],
      });
      gpu.dispatch({
        shader: augmentShader,
        constants: { CHANNELS: channels, Pixel: storedAs(out, 4) },
        bindings: [reads(images), reads(moves), writes(out)],
        params: [n * h * w, h, w, 0, ...normalisation(call)],
        workgroups: perGroup(n * h * w, 64),
      });
    },
    cpu(call, { address, command }) {
      const { images, out, state, n, h, w, channels, pad, flip } = call;
      command("augment", [
        ...[images, out, state].map(address),
        ...[n, h, w, channels, pad, Number(flip)],
        ...normalisation(call),
      ]);
    },
  },
};

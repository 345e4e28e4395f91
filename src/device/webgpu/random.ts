import augmentText from "../../../shaders/augment.wgsl";
import drawText from "../../../shaders/augment-draw.wgsl";
import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import mathText from "../../../shaders/math.wgsl";
import philoxText from "../../../shaders/philox.wgsl";
import randomText from "../../../shaders/random.wgsl";
import { float32Bits } from "../float32.js";
import type { AugmentCall, KernelCalls } from "../kernels.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { mathTypes, perGroup, storedAs } from "./spread.js";

const randomShader = shader("random", groupText, compareText, mathText, philoxText, randomText);
const drawShader = shader("augment draw", philoxText, drawText);
const augmentShader = shader("augment", groupText, augmentText);

export function lowerRandom(gpu: GpuLowering, call: KernelCalls["random"]): void {
  const blocks = Math.ceil(call.out.length / 4);
  gpu.dispatch({
    shader: randomShader,
    constants: { ...mathTypes(1), NORMAL: call.op === "normal" },
    bindings: [reads(call.state), writes(call.out)],
    params: [call.out.length, float32Bits(call.low), float32Bits(call.high)],
    workgroups: perGroup(blocks, 64),
  });
}

export function lowerAugment(gpu: GpuLowering, call: AugmentCall): void {
  const { n, h, w, channels } = call;
  const moves = gpu.scratch(n * 4);
  gpu.dispatch({
    shader: drawShader,
    bindings: [reads(call.state), writes(moves)],
    params: [n, call.pad, call.flip ? 1 : 0],
    workgroups: [perGroup(n, 64), 1, 1],
  });
  const four = (values: readonly number[], rest: number): number[] =>
    [0, 1, 2, 3].map((c) => float32Bits(c < channels ? (values[c] ?? rest) : rest));
  gpu.dispatch({
    shader: augmentShader,
    constants: { CHANNELS: channels, Pixel: storedAs(call.out, 4) },
    bindings: [reads(call.images), reads(moves), writes(call.out)],
    params: [n * h * w, h, w, 0, ...four(call.mean, 0), ...four(call.std, 1)],
    workgroups: perGroup(n * h * w, 64),
  });
}

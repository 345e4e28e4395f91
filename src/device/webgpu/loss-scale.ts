import groupText from "../../../shaders/group.wgsl";
import unscaleText from "../../../shaders/unscale.wgsl";
import updateText from "../../../shaders/update-scale.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls } from "../kernels.js";
import { type GpuLowering, shader, writes } from "./lowering.js";
import { linear, mathTypes, vectorType } from "./spread.js";

const unscaleShader = shader("unscale", groupText, unscaleText);
const updateShader = shader("updateScale", updateText);

export function lowerUnscale(gpu: GpuLowering, { grads, state }: KernelCalls["unscale"]): void {
  const { width } = vectorType(grads.length);
  gpu.dispatch({
    shader: unscaleShader,
    constants: mathTypes(width),
    bindings: [writes(grads), writes(state)],
    ...linear(gpu, grads.length / width),
  });
}

export function lowerUpdateScale(gpu: GpuLowering, call: KernelCalls["updateScale"]): void {
  gpu.dispatch({
    shader: updateShader,
    bindings: [writes(call.state)],
    params: [call.growth, call.backoff, call.interval].map(float32Bits),
    workgroups: 1,
  });
}

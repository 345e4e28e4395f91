import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import mathText from "../../../shaders/math.wgsl";
import forwardText from "../../../shaders/softmax-cross-entropy.wgsl";
import backwardText from "../../../shaders/softmax-cross-entropy-backward.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls } from "../kernels.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { mathTypes, perGroup } from "./spread.js";

const forwardShader = shader("softmaxCrossEntropy", groupText, compareText, mathText, forwardText);
const backwardShader = shader("softmaxCrossEntropyBackward", groupText, backwardText);

export function lowerSoftmaxCrossEntropy(
  gpu: GpuLowering,
  call: KernelCalls["softmaxCrossEntropy"],
): void {
  const { rows, classes, on, off } = call;
  const lanesPerRow = classes <= 32 ? 1 : 64;
  gpu.dispatch({
    shader: forwardShader,
    constants: { ...mathTypes(1), LANES: lanesPerRow },
    bindings: [
      reads(call.logits),
      reads(call.labels),
      writes(call.loss),
      writes(call.probabilities),
    ],
    params: [rows, classes, ...[on, off, Number.NaN, Number.NEGATIVE_INFINITY].map(float32Bits)],
    workgroups: perGroup(rows * lanesPerRow, 64),
  });
}

export function lowerSoftmaxCrossEntropyBackward(
  gpu: GpuLowering,
  call: KernelCalls["softmaxCrossEntropyBackward"],
): void {
  const { rows, classes, on, off } = call;
  gpu.dispatch({
    shader: backwardShader,
    bindings: [
      reads(call.probabilities),
      reads(call.labels),
      reads(call.dloss),
      writes(call.dlogits),
    ],
    params: [rows * classes, classes, float32Bits(on), float32Bits(off)],
    workgroups: perGroup(rows * classes, 64),
  });
}

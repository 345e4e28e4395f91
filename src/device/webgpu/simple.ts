import adamText from "../../../shaders/adam.wgsl";
import adamCountText from "../../../shaders/adam-count.wgsl";
import copyText from "../../../shaders/copy.wgsl";
import fillText from "../../../shaders/fill.wgsl";
import groupText from "../../../shaders/group.wgsl";
import multiplyAddText from "../../../shaders/multiply-add.wgsl";
import sgdText from "../../../shaders/sgd.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls } from "../kernels.js";
import { bytesPerElement } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { linear, storedAs, vectorType } from "./spread.js";

/** Elements a workgroup of multiply-add.wgsl works on: 64 invocations, 32 each. */
const multiplyAddElements = 64 * 32;

const copyShader = shader("copy", groupText, copyText);
const fillShader = shader("fill", groupText, fillText);
const sgdShader = shader("sgd", groupText, sgdText);
const multiplyAddShader = shader("multiply-add", groupText, multiplyAddText);
const adamCountShader = shader("adam-count", adamCountText);
const adamShader = shader("adam", groupText, adamText);

/** What a copy moves at a time, with its bytes: the largest that divides the slice. */
const copyTypes = [
  ["vec4u", 16],
  ["u32", 4],
  ["f16", 2],
] as const;

export function lowerCopy(gpu: GpuLowering, { src, dst }: KernelCalls["copy"]): void {
  const bytes = dst.length * bytesPerElement(dst);
  const [V, size] = copyTypes.find(([, size]) => bytes % size === 0) ?? ["f16", 2];
  gpu.dispatch({
    shader: copyShader,
    constants: { V },
    bindings: [reads(src), writes(dst)],
    ...linear(gpu, bytes / size),
  });
}

export function lowerFill(gpu: GpuLowering, { dst, value }: KernelCalls["fill"]): void {
  const { V, width } = vectorType(dst.length);
  const length = dst.length / width;
  gpu.dispatch({
    shader: fillShader,
    constants: { V, Stored: storedAs(dst, width) },
    bindings: [writes(dst)],
    ...linear(gpu, length, float32Bits(value)),
  });
}

export function lowerMultiplyAdd(
  gpu: GpuLowering,
  { out, rounds }: KernelCalls["multiplyAdd"],
): void {
  gpu.dispatch({
    shader: multiplyAddShader,
    bindings: [writes(out)],
    params: [out.length, rounds],
    workgroups: Math.ceil(out.length / multiplyAddElements),
  });
}

export function lowerSgd(gpu: GpuLowering, call: KernelCalls["sgd"]): void {
  const { params, grads, velocity, hyper, skip } = call;
  const { V, width } = vectorType(params.length);
  const length = params.length / width;
  gpu.dispatch({
    shader: sgdShader,
    constants: { V, SKIPS: skip !== null },
    bindings: [reads(grads), reads(hyper), writes(params), writes(velocity), reads(skip ?? hyper)],
    ...linear(gpu, length),
  });
}

export function lowerAdamCount(gpu: GpuLowering, call: KernelCalls["adamCount"]): void {
  const { count, hyper, skip } = call;
  gpu.dispatch({
    shader: adamCountShader,
    constants: { SKIPS: skip !== null },
    bindings: [reads(hyper), writes(count), reads(skip ?? hyper)],
    workgroups: 1,
  });
}

export function lowerAdam(gpu: GpuLowering, call: KernelCalls["adam"]): void {
  const { params, grads, m, v, count, hyper, skip } = call;
  const { V, width } = vectorType(params.length);
  const length = params.length / width;
  gpu.dispatch({
    shader: adamShader,
    constants: { V, SKIPS: skip !== null },
    bindings: [
      ...[reads(grads), reads(hyper), reads(count)],
      ...[writes(params), writes(m), writes(v), reads(skip ?? hyper)],
    ],
    ...linear(gpu, length),
  });
}

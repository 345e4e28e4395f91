import adamText from "../../../shaders/adam.wgsl";
import copyText from "../../../shaders/copy.wgsl";
import fillText from "../../../shaders/fill.wgsl";
import groupText from "../../../shaders/group.wgsl";
import multiplyAddText from "../../../shaders/multiply-add.wgsl";
import sgdText from "../../../shaders/sgd.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls } from "../kernels.js";
import { contiguousStrides } from "./collapse.js";
import { lowerExpression } from "./elementwise.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { linear, vectorType } from "./spread.js";

/** Elements a workgroup of multiply-add.wgsl works on: 64 invocations, 32 each. */
const multiplyAddElements = 64 * 32;

const copyShader = shader("copy", groupText, copyText);
const fillShader = shader("fill", groupText, fillText);
const sgdShader = shader("sgd", groupText, sgdText);
const multiplyAddShader = shader("multiply-add", groupText, multiplyAddText);
const adamShader = shader("adam", groupText, adamText);

export function lowerCopy(gpu: GpuLowering, { src, dst }: KernelCalls["copy"]): void {
  const { width } = vectorType(dst.length);
  const length = dst.length / width;
  gpu.dispatch({
    shader: copyShader,
    constants: { V: width === 4 ? "vec4u" : "u32" },
    bindings: [reads(src), writes(dst)],
    ...linear(gpu, length),
  });
}

export function lowerFill(gpu: GpuLowering, { dst, value }: KernelCalls["fill"]): void {
  const { V, width } = vectorType(dst.length);
  const length = dst.length / width;
  gpu.dispatch({
    shader: fillShader,
    constants: { V },
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

export function lowerPermute(gpu: GpuLowering, call: KernelCalls["permute"]): void {
  const strides = contiguousStrides(call.shape);
  lowerExpression(
    gpu,
    "permute",
    { kind: "name", name: "a" },
    {
      inputs: [{ slice: call.x, strides: call.perm.map((d) => strides[d] ?? 0) }],
      out: call.out,
      shape: call.perm.map((d) => call.shape[d] ?? 1),
      scalars: [0, 0],
    },
  );
}

export function lowerSgd(gpu: GpuLowering, call: KernelCalls["sgd"]): void {
  const { params, grads, velocity, hyper } = call;
  const { V, width } = vectorType(params.length);
  const length = params.length / width;
  gpu.dispatch({
    shader: sgdShader,
    constants: { V },
    bindings: [reads(grads), reads(hyper), writes(params), writes(velocity)],
    ...linear(gpu, length),
  });
}

export function lowerAdam(gpu: GpuLowering, call: KernelCalls["adam"]): void {
  const { params, grads, m, v, hyper } = call;
  const { V, width } = vectorType(params.length);
  const length = params.length / width;
  gpu.dispatch({
    shader: adamShader,
    constants: { V },
    bindings: [reads(grads), reads(hyper), writes(params), writes(m), writes(v)],
    ...linear(gpu, length),
  });
}

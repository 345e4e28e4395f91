import adamText from "../../../shaders/adam.wgsl";
import copyText from "../../../shaders/copy.wgsl";
import fillText from "../../../shaders/fill.wgsl";
import groupText from "../../../shaders/group.wgsl";
import sgdText from "../../../shaders/sgd.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls } from "../kernels.js";
import { contiguousStrides } from "./collapse.js";
import { lowerExpression } from "./elementwise.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { perGroup } from "./spread.js";

const copyShader = shader("copy", groupText, copyText);
const fillShader = shader("fill", groupText, fillText);
const sgdShader = shader("sgd", groupText, sgdText);
const adamShader = shader("adam", groupText, adamText);

/** These kernels work on vec4s, 256 of them a workgroup; a slice's padding may be written too. */
const vectors = (length: number): number => Math.ceil(length / 4);
const groups = (length: number): number => perGroup(vectors(length), 256);

export function lowerCopy(gpu: GpuLowering, { src, dst }: KernelCalls["copy"]): void {
  gpu.dispatch({
    shader: copyShader,
    bindings: [reads(src), writes(dst)],
    params: [vectors(dst.length)],
    workgroups: groups(dst.length),
  });
}

export function lowerFill(gpu: GpuLowering, { dst, value }: KernelCalls["fill"]): void {
  gpu.dispatch({
    shader: fillShader,
    bindings: [writes(dst)],
    params: [vectors(dst.length), float32Bits(value)],
    workgroups: groups(dst.length),
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
  gpu.dispatch({
    shader: sgdShader,
    bindings: [reads(grads), reads(hyper), writes(params), writes(velocity)],
    params: [vectors(params.length)],
    workgroups: groups(params.length),
  });
}

export function lowerAdam(gpu: GpuLowering, call: KernelCalls["adam"]): void {
  const { params, grads, m, v, hyper } = call;
  gpu.dispatch({
    shader: adamShader,
    bindings: [reads(grads), reads(hyper), writes(params), writes(m), writes(v)],
    params: [vectors(params.length)],
    workgroups: groups(params.length),
  });
}

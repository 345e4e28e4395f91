import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import poolText from "../../../shaders/pool2d.wgsl";
import backwardText from "../../../shaders/pool2d-backward.wgsl";
import type { KernelCalls, Pool2dShape } from "../kernels.js";
import type { Slice } from "../storage.js";
import { type Binding, type GpuLowering, reads, type Shader, shader, writes } from "./lowering.js";
import { mathTypes, perGroup, storedAs, vectorType } from "./spread.js";

const poolShader = shader("pool2d", groupText, compareText, poolText);
const backwardShader = shader("pool2dBackward", groupText, compareText, backwardText);

export function lowerPool2d(gpu: GpuLowering, call: KernelCalls["pool2d"]): void {
  const { n, outH, outW } = call.shape;
  dispatch(gpu, poolShader, call, [reads(call.x), writes(call.out)], n * outH * outW);
}

export function lowerPool2dBackward(gpu: GpuLowering, call: KernelCalls["pool2dBackward"]): void {
  const { n, h, w } = call.shape;
  const bindings = [reads(call.x), reads(call.dy), writes(call.dx)];
  dispatch(gpu, backwardShader, call, bindings, n * h * w);
}

function dispatch(
  gpu: GpuLowering,
  shader: Shader,
  { op, x, shape: s }: { op: "max" | "avg"; x: Slice; shape: Pool2dShape },
  bindings: readonly Binding[],
  pixels: number,
): void {
  const { width } = vectorType(s.c);
  const c = s.c / width;
  gpu.dispatch({
    shader,
    constants: { ...mathTypes(width), Stored: storedAs(x, width), MAX: op === "max" },
    bindings,
    params: [
      pixels * c,
      s.h,
      s.w,
      c,
      s.kh,
      s.kw,
      s.strideH,
      s.strideW,
      s.padH,
      s.padW,
      s.outH,
      s.outW,
    ],
    workgroups: perGroup(pixels * c, 64),
  });
}

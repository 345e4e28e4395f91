import depthwiseText from "../../../shaders/depthwise.wgsl";
import gradientText from "../../../shaders/depthwise-weight-grad.wgsl";
import groupText from "../../../shaders/group.wgsl";
import type { DepthwiseShape, KernelCalls } from "../kernels.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { lowerReduce } from "./reduce.js";
import { perGroup, storedAs, vectorType } from "./spread.js";

const depthwiseShader = shader("depthwise2d", groupText, depthwiseText);
const gradientShader = shader("depthwise2dWeightGrad", groupText, gradientText);

const shapeWords = (s: DepthwiseShape, c: number): number[] => [
  ...[c, s.h, s.w, s.kh, s.kw, s.strideH, s.strideW, s.dilationH, s.dilationW],
  ...[s.padTop, s.padLeft, s.outH, s.outW],
];

export function lowerDepthwise2d(gpu: GpuLowering, call: KernelCalls["depthwise2d"]): void {
  const { x, w, out, shape: s } = call;
  const { V, width } = vectorType(s.c);
  const length = out.length / width;
  gpu.dispatch({
    shader: depthwiseShader,
    constants: { V, Stored: storedAs(x, width) },
    bindings: [reads(x), reads(w), writes(out)],
    params: [length, ...shapeWords(s, s.c / width)],
    workgroups: perGroup(length, 64),
  });
}

export function lowerDepthwise2dWeightGrad(
  gpu: GpuLowering,
  call: KernelCalls["depthwise2dWeightGrad"],
): void {
  const { x, dy, dw, shape: s } = call;
  const { V, width } = vectorType(s.c);
  const taps = dw.length / width;
  const lines = s.n * s.outH;
  // Enough invocations to keep a GPU busy, and no more partial sums than that takes.
  const perBlock = Math.ceil(lines / Math.min(lines, Math.ceil(65_536 / taps)));
  const blocks = Math.ceil(lines / perBlock);
  const parts = gpu.scratch(blocks * dw.length);
  gpu.dispatch({
    shader: gradientShader,
    constants: { V, Stored: storedAs(x, width) },
    bindings: [reads(x), reads(dy), writes(parts)],
    params: [blocks * taps, ...shapeWords(s, s.c / width), lines, perBlock],
    workgroups: perGroup(blocks * taps, 64),
  });
  const sums = {
    op: "sum",
    x: parts,
    out: dw,
    outer: 1,
    reduced: blocks,
    inner: dw.length,
  } as const;
  lowerReduce(gpu, sums);
}

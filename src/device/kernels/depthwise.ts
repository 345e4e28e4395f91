import depthwiseText from "../../../shaders/depthwise.wgsl";
import gradientText from "../../../shaders/depthwise-weight-grad.wgsl";
import groupText from "../../../shaders/group.wgsl";
import type { Slice } from "../storage.js";
import { reads, shader, writes } from "../webgpu/lowering.js";
import { perGroup, storedAs, vectorType } from "../webgpu/spread.js";
import { bytesOf, type CallCost, cost, type Kernels } from "./kernel.js";
import { lowerReduce, reduceAt } from "./reduce.js";

/** NHWC, w [kh, kw, c]; pads may be negative, which leaves out a part of x. */
export interface DepthwiseShape {
  n: number;
  h: number;
  w: number;
  c: number;
  kh: number;
  kw: number;
  strideH: number;
  strideW: number;
  dilationH: number;
  dilationW: number;
  padTop: number;
  padLeft: number;
  outH: number;
  outW: number;
}

export interface DepthwiseCalls {
  /** out[n,oh,ow,c] := sum x[n, oh*sh - padTop + i*dh, ow*sw - padLeft + j*dw, c] * w[i,j,c]. */
  depthwise2d: { x: Slice; w: Slice; out: Slice; shape: DepthwiseShape };
  /** dw := gradient of depthwise2d with respect to w. */
  depthwise2dWeightGrad: { x: Slice; dy: Slice; dw: Slice; shape: DepthwiseShape };
}

const depthwiseShader = shader("depthwise2d", groupText, depthwiseText);
const gradientShader = shader("depthwise2dWeightGrad", groupText, gradientText);

export const depthwiseKernels: Kernels<DepthwiseCalls> = {
  depthwise2d: {
    writes: ["out"],
    cost: ({ x, w, out, shape }) => depthwise("depthwise2d", shape, x, w, out),
    webgpu(gpu, { x, w, out, shape: s }) {
      const { V, width } = vectorType(s.c);
      const length = out.length / width;
      gpu.dispatch({
        shader: depthwiseShader,
        constants: { V, Stored: storedAs(x, width) },
        bindings: [reads(x), reads(w), writes(out)],
        params: [length, s.c / width, ...window(s)],
        workgroups: perGroup(length, 64),
      });
    },
    cpu({ x, w, out, shape: s }, { address, command }) {
      command("depthwise", [...[x, w, out].map(address), s.n, s.h, s.w, s.c, ...taps(s)]);
    },
  },
  depthwise2dWeightGrad: {
    writes: ["dw"],
    cost: ({ x, dy, dw, shape }) => depthwise("depthwise2dWeightGrad", shape, x, dy, dw),
    webgpu(gpu, { x, dy, dw, shape: s }) {
      const { V, width } = vectorType(s.c);
      const count = dw.length / width;
      const lines = s.n * s.outH;
      // Enough invocations to keep a GPU busy, and no more partial sums than that takes.
      const perBlock = Math.ceil(lines / Math.min(lines, Math.ceil(65_536 / count)));
      const blocks = Math.ceil(lines / perBlock);
      const parts = gpu.scratch(blocks * dw.length);
      gpu.dispatch({
        shader: gradientShader,
        constants: { V, Stored: storedAs(x, width) },
        bindings: [reads(x), reads(dy), writes(parts)],
        params: [blocks * count, s.c / width, ...window(s), lines, perBlock],
        workgroups: perGroup(blocks * count, 64),
      });
      const extent = { outer: 1, reduced: blocks, inner: dw.length };
      lowerReduce(gpu, { op: "sum", x: parts, out: dw, ...extent });
    },
    cpu({ x, dy, dw, shape: s }, lowering) {
      const partials = lowering.scratch(4 * s.n * dw.length);
      const operands = [lowering.address(x), lowering.address(dy), partials];
      lowering.command("depthwise_gradient", [...operands, s.n, s.h, s.w, s.c, ...taps(s)]);
      const extent = { outer: 1, reduced: s.n, inner: dw.length };
      reduceAt("sum", partials, lowering.address(dw), extent, lowering);
    },
  },
};

function depthwise(name: string, s: DepthwiseShape, ...slices: Slice[]): CallCost {
  const macs = s.n * s.outH * s.outW * s.c * s.kh * s.kw;
  const shape = `${s.n}x${s.h}x${s.w} ${s.c} ${s.kh}x${s.kw}`;
  return cost(name, shape, 2 * macs, bytesOf(...slices));
}

const taps = (s: DepthwiseShape): number[] => [
  ...[s.kh, s.kw, s.strideH, s.strideW, s.dilationH, s.dilationW],
  ...[s.padTop, s.padLeft, s.outH, s.outW],
];

const window = (s: DepthwiseShape): number[] => [s.h, s.w, ...taps(s)];

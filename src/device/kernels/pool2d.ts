import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import poolText from "../../../shaders/pool2d.wgsl";
import backwardText from "../../../shaders/pool2d-backward.wgsl";
import type { Slice } from "../storage.js";
import {
  type Binding,
  type GpuLowering,
  reads,
  type Shader,
  shader,
  writes,
} from "../webgpu/lowering.js";
import { mathTypes, perGroup, storedAs, vectorType } from "../webgpu/spread.js";
import { bytesOf, type CallCost, cost, type Kernels } from "./kernel.js";

export interface Pool2dCalls {
  /** NHWC windows; max ignores padding, NaN wins; avg divides by kh * kw (padding counts as zeros). */
  pool2d: { op: "max" | "avg"; x: Slice; out: Slice; shape: Pool2dShape };
  /**
   * dx of pool2d; for max the first maximum of a window (row-major) takes the gradient, and if
   * there is NaN the last NaN.
   */
  pool2dBackward: { op: "max" | "avg"; x: Slice; dy: Slice; dx: Slice; shape: Pool2dShape };
}

export interface Pool2dShape {
  n: number;
  h: number;
  w: number;
  c: number;
  kh: number;
  kw: number;
  strideH: number;
  strideW: number;
  padH: number;
  padW: number;
  outH: number;
  outW: number;
}

const poolShader = shader("pool2d", groupText, compareText, poolText);
const backwardShader = shader("pool2dBackward", groupText, compareText, backwardText);

/** The window's words, in the order of both devices' kernels. */
const windowWords = (s: Pool2dShape): number[] => [
  ...[s.kh, s.kw, s.strideH, s.strideW, s.padH, s.padW, s.outH, s.outW],
];

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
    params: [pixels * c, s.h, s.w, c, ...windowWords(s)],
    workgroups: perGroup(pixels * c, 64),
  });
}

const shapeWords = (s: Pool2dShape): number[] => [...[s.n, s.h, s.w, s.c], ...windowWords(s)];

const poolCost = (name: string, s: Pool2dShape, ...slices: Slice[]): CallCost => {
  const flops = s.n * s.outH * s.outW * s.c * s.kh * s.kw;
  return cost(name, [s.n, s.h, s.w, s.c], flops, bytesOf(...slices));
};

export const pool2dKernels: Kernels<Pool2dCalls> = {
  pool2d: {
    writes: ["out"],
    cost: ({ op, x, out, shape }) => poolCost(`pool2d ${op}`, shape, x, out),
    webgpu(gpu, call) {
      const { n, outH, outW } = call.shape;
      dispatch(gpu, poolShader, call, [reads(call.x), writes(call.out)], n * outH * outW);
    },
    cpu({ op, x, out, shape }, { address, command }) {
      command("pool2d", [op === "avg" ? 1 : 0, address(x), address(out), ...shapeWords(shape)]);
    },
  },
  pool2dBackward: {
    writes: ["dx"],
    cost: ({ op, x, dy, dx, shape }) =>
      poolCost(`pool2dBackward ${op}`, shape, dy, dx, ...(op === "max" ? [x] : [])),
    webgpu(gpu, call) {
      const { n, h, w } = call.shape;
      const bindings = [reads(call.x), reads(call.dy), writes(call.dx)];
      dispatch(gpu, backwardShader, call, bindings, n * h * w);
    },
    cpu({ op, x, dy, dx, shape }, { address, command }) {
      const slices = [x, dy, dx].map(address);
      command("pool2d_backward", [op === "avg" ? 1 : 0, ...slices, ...shapeWords(shape)]);
    },
  },
};

import * as cpu from "../cpu/conv.js";
import type { Slice } from "../storage.js";
import * as webgpu from "../webgpu/conv.js";
import { type Conv2dCalls, type Conv2dShape, describeConv } from "./conv2d-call.js";
import { bytesOf, type CallCost, cost, type Kernels } from "./kernel.js";

const conv = (name: string, s: Conv2dShape, ...slices: (Slice | null)[]): CallCost => {
  const macs = s.n * s.outH * s.outW * s.cOut * s.kh * s.kw * s.cIn;
  return cost(name, describeConv(s), 2 * macs, bytesOf(...slices));
};

export const conv2dKernels: Kernels<Conv2dCalls> = {
  conv2d: {
    writes: ["out"],
    cost: ({ x, w, out, shape }) => conv("conv2d", shape, x, w, out),
    webgpu: webgpu.lowerConv2d,
    cpu: cpu.lowerConv2d,
  },
  conv2dInference: {
    writes: ["out"],
    cost: ({ x, w, bias, residual, out, shape }) =>
      conv("conv2dInference", shape, x, w, bias, residual, out),
    webgpu: webgpu.lowerConv2dInference,
    cpu: cpu.lowerConv2dInference,
  },
  conv2dInputGrad: {
    writes: ["dx"],
    cost: ({ dy, w, dx, shape }) => conv("conv2dInputGrad", shape, dy, w, dx),
    webgpu: webgpu.lowerConv2dInputGrad,
    cpu: cpu.lowerConv2dInputGrad,
  },
  conv2dWeightGrad: {
    writes: ["dw"],
    cost: ({ x, dy, dw, shape }) => conv("conv2dWeightGrad", shape, x, dy, dw),
    webgpu: webgpu.lowerConv2dWeightGrad,
    cpu: cpu.lowerConv2dWeightGrad,
  },
};

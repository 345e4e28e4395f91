import type { Conv2dShape, KernelCalls } from "../kernels.js";
import { gemmForward, gemmInputGrad, gemmWeightGrad } from "./conv-gemm.js";
import { type ConvVariant, convVariant } from "./conv-variant.js";
import { type Epilogue, noEpilogue } from "./epilogue.js";
import type { Lowering } from "./lowering.js";
import { winogradForward, winogradInputGrad, winogradWeightGrad } from "./winograd.js";

const tileSides = { gemm: null, winograd2: 2, winograd4: 4 } as const;

export function lowerConv2d(
  call: KernelCalls["conv2d"],
  lowering: Lowering,
  variant = convVariant("forward", call.shape),
): void {
  const x = lowering.address(call.x);
  const w = lowering.address(call.w);
  const out = lowering.address(call.out);
  convolve(lowering, variant, call.shape, x, w, out, noEpilogue);
}

export function lowerConv2dInference(
  call: KernelCalls["conv2dInference"],
  lowering: Lowering,
  variant = convVariant("forward", call.shape),
): void {
  const x = lowering.address(call.x);
  const w = lowering.address(call.w);
  const out = lowering.address(call.out);
  convolve(lowering, variant, call.shape, x, w, out, {
    bias: lowering.address(call.bias),
    residual: call.residual ? lowering.address(call.residual) : 0,
    relu: call.relu,
  });
}

function convolve(
  lowering: Lowering,
  variant: ConvVariant,
  shape: Conv2dShape,
  x: number,
  w: number,
  out: number,
  epilogue: Epilogue,
): void {
  const m = tileSides[variant];
  if (m) winogradForward(lowering, m, shape, x, w, out, epilogue);
  else gemmForward(lowering, shape, x, w, out, epilogue);
}

export function lowerConv2dInputGrad(
  call: KernelCalls["conv2dInputGrad"],
  lowering: Lowering,
  variant = convVariant("inputGrad", call.shape),
): void {
  const dy = lowering.address(call.dy);
  const w = lowering.address(call.w);
  const dx = lowering.address(call.dx);
  const m = tileSides[variant];
  if (m) winogradInputGrad(lowering, m, call.shape, dy, w, dx);
  else gemmInputGrad(lowering, call.shape, dy, w, dx);
}

export function lowerConv2dWeightGrad(
  call: KernelCalls["conv2dWeightGrad"],
  lowering: Lowering,
  variant = convVariant("weightGrad", call.shape),
): void {
  const x = lowering.address(call.x);
  const dy = lowering.address(call.dy);
  const dw = lowering.address(call.dw);
  const m = tileSides[variant];
  if (m) winogradWeightGrad(lowering, m, call.shape, x, dy, dw);
  else gemmWeightGrad(lowering, call.shape, x, dy, dw);
}

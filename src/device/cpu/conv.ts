import type { Conv2dCalls, Conv2dShape } from "../kernels/conv2d-call.js";
import { gemmForward, gemmInputGrad, gemmWeightGrad } from "./conv-gemm.js";
import { type ConvPass, convVariant } from "./conv-variant.js";
import { type Epilogue, noEpilogue } from "./epilogue.js";
import type { Lowering } from "./lowering.js";
import { winogradForward, winogradInputGrad, winogradWeightGrad } from "./winograd.js";

const tileSides = { gemm: null, winograd2: 2, winograd4: 4 } as const;

/** Side of Winograd's tiles of outputs; null where the implicit GEMM is chosen. */
const tileSide = (pass: ConvPass, shape: Conv2dShape) => tileSides[convVariant(pass, shape)];

export function lowerConv2d(call: Conv2dCalls["conv2d"], lowering: Lowering): void {
  convolve(lowering, call, noEpilogue);
}

export function lowerConv2dInference(
  call: Conv2dCalls["conv2dInference"],
  lowering: Lowering,
): void {
  const { bias, residual, relu } = call;
  convolve(lowering, call, {
    bias: lowering.address(bias),
    residual: residual ? lowering.address(residual) : 0,
    relu,
  });
}

function convolve(lowering: Lowering, call: Conv2dCalls["conv2d"], epilogue: Epilogue): void {
  const x = lowering.address(call.x);
  const w = lowering.address(call.w);
  const out = lowering.address(call.out);
  const m = tileSide("forward", call.shape);
  if (m) winogradForward(lowering, m, call.shape, x, w, out, epilogue);
  else gemmForward(lowering, call.shape, x, w, out, epilogue);
}

export function lowerConv2dInputGrad(
  call: Conv2dCalls["conv2dInputGrad"],
  lowering: Lowering,
): void {
  const dy = lowering.address(call.dy);
  const w = lowering.address(call.w);
  const dx = lowering.address(call.dx);
  const m = tileSide("inputGrad", call.shape);
  if (m) winogradInputGrad(lowering, m, call.shape, dy, w, dx);
  else gemmInputGrad(lowering, call.shape, dy, w, dx);
}

export function lowerConv2dWeightGrad(
  call: Conv2dCalls["conv2dWeightGrad"],
  lowering: Lowering,
): void {
  const x = lowering.address(call.x);
  const dy = lowering.address(call.dy);
  const dw = lowering.address(call.dw);
  const m = tileSide("weightGrad", call.shape);
  if (m) winogradWeightGrad(lowering, m, call.shape, x, dy, dw);
  else gemmWeightGrad(lowering, call.shape, x, dy, dw);
}

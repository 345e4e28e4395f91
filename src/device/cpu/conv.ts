import type { KernelCalls } from "../kernels.js";
import { gemmForward, gemmInputGrad, gemmWeightGrad } from "./conv-gemm.js";
import type { Lowering } from "./lowering.js";

export function lowerConv2d(call: KernelCalls["conv2d"], lowering: Lowering): void {
  const { address } = lowering;
  gemmForward(lowering, call.shape, address(call.x), address(call.w), address(call.out));
}

export function lowerConv2dInputGrad(
  call: KernelCalls["conv2dInputGrad"],
  lowering: Lowering,
): void {
  const { address } = lowering;
  gemmInputGrad(lowering, call.shape, address(call.dy), address(call.w), address(call.dx));
}

export function lowerConv2dWeightGrad(
  call: KernelCalls["conv2dWeightGrad"],
  lowering: Lowering,
): void {
  const { address } = lowering;
  gemmWeightGrad(lowering, call.shape, address(call.x), address(call.dy), address(call.dw));
}

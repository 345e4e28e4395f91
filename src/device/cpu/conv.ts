import type { Conv2dShape, KernelCalls } from "../kernels.js";
import type { Lowering } from "./lowering.js";

const words = (s: Conv2dShape): number[] => [
  ...[s.n, s.h, s.w, s.cIn, s.cOut, s.kh, s.kw],
  ...[s.strideH, s.strideW, s.padH, s.padW, s.outH, s.outW],
];

export function lowerConv2d(call: KernelCalls["conv2d"], lowering: Lowering): void {
  const { x, w, out, shape } = call;
  const at = lowering.address.bind(lowering);
  lowering.command("conv2d", [at(x), at(w), at(out), ...words(shape)]);
}

export function lowerConv2dInputGrad(
  call: KernelCalls["conv2dInputGrad"],
  lowering: Lowering,
): void {
  const { dy, w, dx, shape } = call;
  const at = lowering.address.bind(lowering);
  lowering.command("conv2dInputGrad", [at(dy), at(w), at(dx), ...words(shape)]);
}

export function lowerConv2dWeightGrad(
  call: KernelCalls["conv2dWeightGrad"],
  lowering: Lowering,
): void {
  const { x, dy, dw, shape } = call;
  const at = lowering.address.bind(lowering);
  lowering.command("conv2dWeightGrad", [at(x), at(dy), at(dw), ...words(shape)]);
}

import type { DepthwiseShape, KernelCalls } from "../kernels.js";
import { reduceAt } from "./lower-rows.js";
import type { Lowering } from "./lowering.js";

const shapeWords = (s: DepthwiseShape): number[] => [
  ...[s.n, s.h, s.w, s.c, s.kh, s.kw, s.strideH, s.strideW, s.dilationH, s.dilationW],
  ...[s.padTop, s.padLeft, s.outH, s.outW],
];

export function lowerDepthwise2d(
  { x, w, out, shape }: KernelCalls["depthwise2d"],
  { address, command }: Lowering,
): void {
  command("depthwise", [...[x, w, out].map(address), ...shapeWords(shape)]);
}

export function lowerDepthwise2dWeightGrad(
  { x, dy, dw, shape }: KernelCalls["depthwise2dWeightGrad"],
  lowering: Lowering,
): void {
  const partials = lowering.scratch(4 * shape.n * dw.length);
  const operands = [lowering.address(x), lowering.address(dy), partials];
  lowering.command("depthwise_gradient", [...operands, ...shapeWords(shape)]);
  const extent = { outer: 1, reduced: shape.n, inner: dw.length };
  reduceAt("sum", partials, lowering.address(dw), extent, lowering);
}

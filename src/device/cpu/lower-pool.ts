import type { KernelCalls, Pool2dShape } from "../kernels.js";
import type { Lowering } from "./lowering.js";

const shapeWords = (s: Pool2dShape): number[] => [
  ...[s.n, s.h, s.w, s.c, s.kh, s.kw],
  ...[s.strideH, s.strideW, s.padH, s.padW, s.outH, s.outW],
];

export function lowerPool2d(
  { op, x, out, shape }: KernelCalls["pool2d"],
  { address, command }: Lowering,
): void {
  command("pool2d", [op === "avg" ? 1 : 0, address(x), address(out), ...shapeWords(shape)]);
}

export function lowerPool2dBackward(
  { op, x, dy, dx, shape }: KernelCalls["pool2dBackward"],
  { address, command }: Lowering,
): void {
  const slices = [x, dy, dx].map(address);
  command("pool2d_backward", [op === "avg" ? 1 : 0, ...slices, ...shapeWords(shape)]);
}

import type { KernelCalls } from "../kernels.js";
import { float32Bits, type Lowering } from "./lowering.js";

export function lowerUnscale(
  { grads, state }: KernelCalls["unscale"],
  { address, command }: Lowering,
): void {
  command("unscale", [address(grads), address(state), grads.length]);
}

export function lowerUpdateScale(
  { state, growth, backoff, interval }: KernelCalls["updateScale"],
  { address, command }: Lowering,
): void {
  command("update_scale", [address(state), ...[growth, backoff, interval].map(float32Bits)]);
}

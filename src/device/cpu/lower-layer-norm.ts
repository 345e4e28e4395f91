import type { KernelCalls } from "../kernels.js";
import type { Slice } from "../storage.js";
import { float32Bits, type Lowering } from "./lowering.js";

export function lowerLayerNorm(call: KernelCalls["layerNorm"], lowering: Lowering): void {
  const { x, gamma, beta, mean, invStd, out, outer, positions, groups, width, eps } = call;
  const slices = [x, gamma, beta, mean, invStd, out];
  lowering.command("layer_norm", [
    ...slices.map((slice) => optional(slice, lowering)),
    ...[outer * groups, positions, groups, width, float32Bits(eps)],
  ]);
}

/** Rows whose sums stay in one partial, by the shape alone. */
const blockRows = 128;

export function lowerLayerNormBackward(
  call: KernelCalls["layerNormBackward"],
  lowering: Lowering,
): void {
  const { x, dy, gamma, mean, invStd, dx, dgamma, dbeta } = call;
  const { outer, positions, groups, width } = call;
  if (dx) {
    lowering.command("layer_norm_gradient", [
      ...[x, dy, gamma, mean, invStd, dx].map((slice) => optional(slice, lowering)),
      ...[outer * groups, positions, groups, width],
    ]);
  }
  if (!dgamma && !dbeta) return;
  const [rows, columns] = [outer * positions, groups * width];
  const blocks = Math.ceil(rows / blockRows);
  const parts = lowering.scratch(8 * columns * blocks);
  lowering.command("layer_norm_sums", [
    ...[x, dy, mean, invStd].map(lowering.address),
    ...[parts, rows, positions, groups, width, blockRows],
  ]);
  lowering.command("layer_norm_finish", [
    ...[parts, blocks, columns],
    ...[dgamma, dbeta].map((slice) => optional(slice, lowering)),
  ]);
}

const optional = (slice: Slice | null, { address }: Lowering): number =>
  slice ? address(slice) : 0;

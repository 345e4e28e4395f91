import type { KernelCalls } from "../kernels.js";
import type { Lowering } from "./lowering.js";

/** Each thread sorts whole rows, between two lists of 8 bytes an element. */
export function lowerSort(
  { x, index, rank, rows, length, descending }: KernelCalls["sort"],
  lowering: Lowering,
): void {
  const lists = lowering.scratch(16 * length * lowering.threads);
  const slices = [x, index, rank].map((slice) => lowering.address(slice));
  lowering.command("sort_rows", [...slices, lists, rows, length, descending ? 0xffffffff : 0]);
}

export function lowerGatherAlong(
  { x, index, out, rows, length, picked }: KernelCalls["gatherAlong"],
  { address, command }: Lowering,
): void {
  command("gather_along", [...[x, index, out].map(address), rows, length, picked]);
}

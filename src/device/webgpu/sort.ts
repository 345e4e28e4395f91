import gatherText from "../../../shaders/gather-along.wgsl";
import groupText from "../../../shaders/group.wgsl";
import finishText from "../../../shaders/sort-finish.wgsl";
import keysText from "../../../shaders/sort-keys.wgsl";
import passText from "../../../shaders/sort-pass.wgsl";
import type { KernelCalls } from "../kernels.js";
import type { Slice } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { perGroup } from "./spread.js";

const keysShader = shader("sort keys", groupText, keysText);
const passShader = shader("sort", groupText, passText);
const finishShader = shader("sort order", groupText, finishText);
const gatherShader = shader("gatherAlong", groupText, gatherText);

/** A list of (key, index) and the entries it has for a row: a power of two. */
interface SortedList {
  readonly list: Slice;
  readonly width: number;
}

/**
 * The rows of x in ascending order of their keys, equal ones of their indices. Bitonic:
 * log2(n) (log2(n) + 1) / 2 passes, all rows in each.
 *
 * @param flipped bits of the keys
 */
export function sortRows(
  gpu: GpuLowering,
  x: Slice,
  rows: number,
  length: number,
  floats: boolean,
  flipped = 0,
): SortedList {
  const width = 2 ** Math.ceil(Math.log2(length));
  const entries = rows * width;
  const list = gpu.scratch(2 * entries);
  gpu.dispatch({
    shader: keysShader,
    constants: { FLOATS: floats },
    bindings: [reads(x), writes(list)],
    params: [entries, length, width, flipped],
    workgroups: perGroup(entries, 64),
  });
  for (let block = 2; block <= width; block *= 2) {
    for (let apart = block / 2; apart >= 1; apart /= 2) {
      gpu.dispatch({
        shader: passShader,
        bindings: [writes(list)],
        params: [entries / 2, apart, block, width],
        workgroups: perGroup(entries / 2, 64),
      });
    }
  }
  return { list, width };
}

export function lowerSort(gpu: GpuLowering, call: KernelCalls["sort"]): void {
  const { x, index, rank, rows, length, descending } = call;
  const { list, width } = sortRows(gpu, x, rows, length, true, descending ? 0xffffffff : 0);
  gpu.dispatch({
    shader: finishShader,
    bindings: [reads(list), writes(index), writes(rank)],
    params: [rows * length, length, width],
    workgroups: perGroup(rows * length, 64),
  });
}

export function lowerGatherAlong(gpu: GpuLowering, call: KernelCalls["gatherAlong"]): void {
  const { x, index, out, rows, length, picked } = call;
  gpu.dispatch({
    shader: gatherShader,
    bindings: [reads(x), reads(index), writes(out)],
    params: [rows * picked, picked, length],
    workgroups: perGroup(rows * picked, 64),
  });
}

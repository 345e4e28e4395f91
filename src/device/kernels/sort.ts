import gatherText from "../../../shaders/gather-along.wgsl";
import groupText from "../../../shaders/group.wgsl";
import finishText from "../../../shaders/sort-finish.wgsl";
import keysText from "../../../shaders/sort-keys.wgsl";
import passText from "../../../shaders/sort-pass.wgsl";
import type { Slice } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "../webgpu/lowering.js";
import { perGroup } from "../webgpu/spread.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

export interface SortCalls {
  /**
   * For each row of x [rows, length]: index[r, i] (u32) := which element is the i-th in order, and
   * rank (u32) := its inverse, rank[r, index[r, i]] = i. Ties keep their order; NaN is above all.
   */
  sort: {
    x: Slice;
    index: Slice;
    rank: Slice;
    rows: number;
    length: number;
    descending: boolean;
  };
  /** out[r, i] := x[r, index[r, i]], 0 where the index is not below `length`. */
  gatherAlong: {
    x: Slice;
    index: Slice;
    out: Slice;
    rows: number;
    length: number;
    picked: number;
  };
}

const keysShader = shader("sort keys", groupText, keysText);
const passShader = shader("sort", groupText, passText);
const finishShader = shader("sort order", groupText, finishText);
const gatherShader = shader("gatherAlong", groupText, gatherText);

export const sortKernels: Kernels<SortCalls> = {
  sort: {
    writes: ["index", "rank"],
    cost: ({ x, index, rank, rows, length }) =>
      cost("sort", [rows, length], 0, bytesOf(x, index, rank)),
    webgpu(gpu, { x, index, rank, rows, length, descending }) {
      const { list, width } = sortRows(gpu, x, rows, length, true, descending ? 0xffffffff : 0);
      gpu.dispatch({
        shader: finishShader,
        bindings: [reads(list), writes(index), writes(rank)],
        params: [rows * length, length, width],
        workgroups: perGroup(rows * length, 64),
      });
    },
    // Each thread sorts whole rows, between two lists of 8 bytes an element.
    cpu({ x, index, rank, rows, length, descending }, lowering) {
      const lists = lowering.scratch(16 * length * lowering.threads);
      const slices = [x, index, rank].map((slice) => lowering.address(slice));
      lowering.command("sort_rows", [...slices, lists, rows, length, descending ? 0xffffffff : 0]);
    },
  },
  gatherAlong: {
    writes: ["out"],
    cost: ({ index, out, rows, picked }) =>
      cost("gatherAlong", [rows, picked], 0, bytesOf(index, out, out)),
    webgpu(gpu, { x, index, out, rows, length, picked }) {
      gpu.dispatch({
        shader: gatherShader,
        bindings: [reads(x), reads(index), writes(out)],
        params: [rows * picked, picked, length],
        workgroups: perGroup(rows * picked, 64),
      });
    },
    cpu({ x, index, out, rows, length, picked }, { address, command }) {
      command("gather_along", [...[x, index, out].map(address), rows, length, picked]);
    },
  },
};

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

import gatherText from "../../../shaders/gather-rows.wgsl";
import groupText from "../../../shaders/group.wgsl";
import oneHotText from "../../../shaders/one-hot.wgsl";
import scatterText from "../../../shaders/scatter-add-rows.wgsl";
import sortedScatterText from "../../../shaders/scatter-add-sorted.wgsl";
import { float32Bits } from "../float32.js";
import type { Slice } from "../storage.js";
import { reads, shader, writes } from "../webgpu/lowering.js";
import { perGroup, vectorType } from "../webgpu/spread.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";
import { sortRows } from "./sort.js";

export interface RowsCalls {
  /** out[i, :] := x[index[i], :] (index u32); an index out of range gives a row of NaN. */
  gatherRows: { x: Slice; index: Slice; out: Slice; rows: number; picked: number; columns: number };
  /** out[r, :] := sum over i with index[i] = r of dy[i, :], in the order of i (every row is written). */
  scatterAddRows: {
    dy: Slice;
    index: Slice;
    out: Slice;
    rows: number;
    picked: number;
    columns: number;
  };
  /** out[i, c] := index[i] = c ? on : off. */
  oneHot: { index: Slice; out: Slice; picked: number; classes: number; on: number; off: number };
}

const gatherShader = shader("gatherRows", groupText, gatherText);
const scatterShader = shader("scatterAddRows", groupText, scatterText);
const sortedScatterShader = shader("scatterAddSorted", groupText, sortedScatterText);
const oneHotShader = shader("oneHot", groupText, oneHotText);

/** Comparisons from which on sorting the indices beats looking through all of them for each row. */
const manyComparisons = 2 ** 22;

export const rowsKernels: Kernels<RowsCalls> = {
  gatherRows: {
    writes: ["out"],
    cost: ({ index, out, picked, columns }) =>
      cost("gatherRows", [picked, columns], 0, bytesOf(index, out, out)),
    webgpu(gpu, { x, index, out, rows, picked, ...call }) {
      const { width } = vectorType(call.columns);
      const columns = call.columns / width;
      gpu.dispatch({
        shader: gatherShader,
        constants: { V: width === 4 ? "vec4u" : "u32" },
        bindings: [reads(x), reads(index), writes(out)],
        params: [picked * columns, columns, rows],
        workgroups: perGroup(picked * columns, 64),
      });
    },
    cpu({ x, index, out, rows, picked, columns }, { address, command }) {
      command("gather_rows", [...[x, index, out].map(address), rows, picked, columns]);
    },
  },
  scatterAddRows: {
    writes: ["out"],
    cost: ({ dy, index, out, picked, columns }) =>
      cost("scatterAddRows", [picked, columns], picked * columns, bytesOf(dy, index, out)),
    webgpu(gpu, { dy, index, out, rows, picked, ...call }) {
      const { V, width } = vectorType(call.columns);
      const columns = call.columns / width;
      const length = rows * columns;
      if (length * picked >= manyComparisons) {
        const sorted = sortRows(gpu, index, 1, picked, false);
        gpu.dispatch({
          shader: sortedScatterShader,
          constants: { V },
          bindings: [reads(dy), reads(sorted.list), writes(out)],
          params: [length, columns, sorted.width],
          workgroups: perGroup(length, 64),
        });
        return;
      }
      gpu.dispatch({
        shader: scatterShader,
        constants: { V },
        bindings: [reads(dy), reads(index), writes(out)],
        params: [length, columns, picked],
        workgroups: perGroup(length, 64),
      });
    },
    cpu({ dy, index, out, rows, picked, columns }, { address, command }) {
      command("scatter_add_rows", [...[dy, index, out].map(address), rows, picked, columns]);
    },
  },
  oneHot: {
    writes: ["out"],
    cost: ({ index, out, picked, classes }) =>
      cost("oneHot", [picked, classes], 0, bytesOf(index, out)),
    webgpu(gpu, { index, out, picked, classes, on, off }) {
      gpu.dispatch({
        shader: oneHotShader,
        bindings: [reads(index), writes(out)],
        params: [picked * classes, classes, float32Bits(on), float32Bits(off)],
        workgroups: perGroup(picked * classes, 64),
      });
    },
    cpu({ index, out, picked, classes, on, off }, { address, command }) {
      const values = [float32Bits(on), float32Bits(off)];
      command("one_hot", [address(index), address(out), picked, classes, ...values]);
    },
  },
};

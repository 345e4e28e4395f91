import gatherText from "../../../shaders/gather-rows.wgsl";
import groupText from "../../../shaders/group.wgsl";
import oneHotText from "../../../shaders/one-hot.wgsl";
import scatterText from "../../../shaders/scatter-add-rows.wgsl";
import sortedScatterText from "../../../shaders/scatter-add-sorted.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls } from "../kernels.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { sortRows } from "./sort.js";
import { perGroup, vectorType } from "./spread.js";

const gatherShader = shader("gatherRows", groupText, gatherText);
const scatterShader = shader("scatterAddRows", groupText, scatterText);
const sortedScatterShader = shader("scatterAddSorted", groupText, sortedScatterText);
const oneHotShader = shader("oneHot", groupText, oneHotText);

export function lowerGatherRows(gpu: GpuLowering, call: KernelCalls["gatherRows"]): void {
  const { width } = vectorType(call.columns);
  const columns = call.columns / width;
  const length = call.picked * columns;
  gpu.dispatch({
    shader: gatherShader,
    constants: { V: width === 4 ? "vec4u" : "u32" },
    bindings: [reads(call.x), reads(call.index), writes(call.out)],
    params: [length, columns, call.rows],
    workgroups: perGroup(length, 64),
  });
}

/** Comparisons from which on sorting the indices beats looking through all of them for each row. */
const manyComparisons = 2 ** 22;

export function lowerScatterAddRows(gpu: GpuLowering, call: KernelCalls["scatterAddRows"]): void {
  const { V, width } = vectorType(call.columns);
  const columns = call.columns / width;
  const length = call.rows * columns;
  if (length * call.picked >= manyComparisons) {
    const sorted = sortRows(gpu, call.index, 1, call.picked, false);
    gpu.dispatch({
      shader: sortedScatterShader,
      constants: { V },
      bindings: [reads(call.dy), reads(sorted.list), writes(call.out)],
      params: [length, columns, sorted.width],
      workgroups: perGroup(length, 64),
    });
    return;
  }
  gpu.dispatch({
    shader: scatterShader,
    constants: { V },
    bindings: [reads(call.dy), reads(call.index), writes(call.out)],
    params: [length, columns, call.picked],
    workgroups: perGroup(length, 64),
  });
}

export function lowerOneHot(gpu: GpuLowering, call: KernelCalls["oneHot"]): void {
  const length = call.picked * call.classes;
  gpu.dispatch({
    shader: oneHotShader,
    bindings: [reads(call.index), writes(call.out)],
    params: [length, call.classes, float32Bits(call.on), float32Bits(call.off)],
    workgroups: perGroup(length, 64),
  });
}

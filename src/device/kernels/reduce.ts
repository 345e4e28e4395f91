import argmaxText from "../../../shaders/argmax.wgsl";
import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import reduceText from "../../../shaders/reduce.wgsl";
import spanText from "../../../shaders/span.wgsl";
import type { Lowering } from "../cpu/lowering.js";
import { float32Bits } from "../float32.js";
import type { Slice } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "../webgpu/lowering.js";
import {
  mathTypes,
  type Spread,
  spanParams,
  spread,
  storedAs,
  vectorType,
} from "../webgpu/spread.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

export interface ReduceCalls {
  reduce: ReduceCall;
}

/**
 * x seen as [outer, reduced, inner] -> out [outer, inner]. NaN wins in `max` and `min`; `argmax`
 * writes the u32 index of the first NaN, or of the largest value, the lowest on a tie.
 */
export interface ReduceCall {
  op: "sum" | "mean" | "max" | "min" | "argmax";
  x: Slice;
  out: Slice;
  outer: number;
  reduced: number;
  inner: number;
}

export const reduceKernels: Kernels<ReduceCalls> = {
  reduce: {
    writes: ["out"],
    cost: ({ op, x, out, outer, reduced, inner }) =>
      cost(`reduce ${op}`, [outer, reduced, inner], outer * reduced * inner, bytesOf(x, out)),
    webgpu: lowerReduce,
    cpu({ op, x, out, ...extent }, lowering) {
      reduceAt(op, lowering.address(x), lowering.address(out), extent, lowering);
    },
  },
};

/** `reduce` on the CPU device, from one address to another. */
export function reduceAt(
  name: ReduceCall["op"],
  x: number,
  out: number,
  { outer, reduced, inner }: Pick<ReduceCall, "outer" | "reduced" | "inner">,
  { command, scratch }: Lowering,
): void {
  const op = cpuOps[name];
  const chunk = inner === 1 ? contiguousChunk : columnChunk;
  const chunks = Math.ceil(reduced / chunk);
  const partials = scratch(8 * outer * chunks * inner);
  command("reduce_partial", [op, x, partials, outer, reduced, inner, chunk, chunks]);
  command("reduce_combine", [op, partials, out, outer, inner, chunks, reduced]);
}

const cpuOps = { sum: 0, mean: 1, max: 2, argmax: 3, min: 4 } as const;

/** Elements of the reduced dimension that one partial result covers on the CPU device. */
const contiguousChunk = 16384;
const columnChunk = 512;

const reduceShader = shader("reduce", groupText, spanText, compareText, reduceText);
const argmaxShader = shader("argmax", groupText, spanText, compareText, argmaxText);

type Fold = Exclude<ReduceCall["op"], "argmax">;

/** What a fold begins with. */
const starts: Record<Fold, number> = {
  ...{ sum: 0, mean: 0 },
  ...{ max: Number.NEGATIVE_INFINITY, min: Number.POSITIVE_INFINITY },
};

/** Columns taken side by side: neighbours in memory where inner > 1, whole rows where inner = 1. */
function maxAcross(rows: number, inner: number): number {
  if (inner > 1 || rows <= 16) return 64;
  return rows <= 128 ? 8 : 1;
}

function spreadOf(outer: number, rows: number, inner: number, maxBlocks: number): Spread {
  const { width } = vectorType(inner);
  return spread(rows, (outer * inner) / width, 16, maxBlocks, maxAcross(rows, inner));
}

export function lowerReduce(gpu: GpuLowering, call: ReduceCall): void {
  if (call.op === "argmax") lowerArgmax(gpu, call);
  else lowerFold(gpu, call, call.op);
}

function lowerFold(
  gpu: GpuLowering,
  { x, out, outer, reduced, inner }: ReduceCall,
  op: Fold,
): void {
  const scale = op === "mean" ? 1 / reduced : 1;
  // Few columns leave a GPU idle unless their rows are split: then a second pass merges the parts.
  const maxBlocks = Math.max(1, Math.min(256, Math.floor(65_536 / (outer * inner))));
  const split = spreadOf(outer, reduced, inner, maxBlocks);
  const parts = split.blocks > 1 ? gpu.scratch(outer * split.blocks * inner) : out;
  pass(gpu, op, x, parts, split, inner, split.blocks > 1 ? 1 : scale);
  if (split.blocks > 1) {
    pass(gpu, op, parts, out, spreadOf(outer, split.blocks, inner, 1), inner, scale);
  }
}

function pass(
  gpu: GpuLowering,
  op: Fold,
  x: Slice,
  out: Slice,
  s: Spread,
  inner: number,
  scale: number,
): void {
  const { width } = vectorType(inner);
  const types = { ...mathTypes(width), Stored: storedAs(x, width) };
  gpu.dispatch({
    shader: reduceShader,
    constants: { ...types, MAX: op === "max", MIN: op === "min" },
    bindings: [reads(x), writes(out)],
    params: [...spanParams(s), inner / width, s.blocks, ...[starts[op], scale].map(float32Bits)],
    workgroups: s.tiles * s.blocks,
  });
}

function lowerArgmax(gpu: GpuLowering, call: ReduceCall): void {
  const { outer, reduced, inner } = call;
  const s = spread(reduced, outer * inner, 1, 1, maxAcross(reduced, inner));
  gpu.dispatch({
    shader: argmaxShader,
    constants: { ...mathTypes(1), Stored: storedAs(call.x, 1) },
    bindings: [reads(call.x), writes(call.out)],
    params: [...spanParams(s), inner],
    workgroups: s.tiles,
  });
}

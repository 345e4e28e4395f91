import argmaxText from "../../../shaders/argmax.wgsl";
import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import reduceText from "../../../shaders/reduce.wgsl";
import spanText from "../../../shaders/span.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls } from "../kernels.js";
import type { Slice } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { mathTypes, type Spread, spanParams, spread, storedAs, vectorType } from "./spread.js";

const reduceShader = shader("reduce", groupText, spanText, compareText, reduceText);
const argmaxShader = shader("argmax", groupText, spanText, compareText, argmaxText);

type Fold = Exclude<KernelCalls["reduce"]["op"], "argmax">;

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

export function lowerReduce(gpu: GpuLowering, call: KernelCalls["reduce"]): void {
  if (call.op === "argmax") lowerArgmax(gpu, call);
  else lowerFold(gpu, call, call.op);
}

function lowerFold(
  gpu: GpuLowering,
  { x, out, outer, reduced, inner }: KernelCalls["reduce"],
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

function lowerArgmax(gpu: GpuLowering, call: KernelCalls["reduce"]): void {
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

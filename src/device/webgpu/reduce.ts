import argmaxText from "../../../shaders/argmax.wgsl";
import groupText from "../../../shaders/group.wgsl";
import reduceText from "../../../shaders/reduce.wgsl";
import spanText from "../../../shaders/span.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls } from "../kernels.js";
import type { Slice } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { type Spread, spanParams, spread, storedAs, vectorType } from "./spread.js";

const reduceShader = shader("reduce", groupText, spanText, reduceText);
const argmaxShader = shader("argmax", groupText, spanText, argmaxText);

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
  op: "sum" | "mean" | "max",
): void {
  const max = op === "max";
  const scale = op === "mean" ? 1 / reduced : 1;
  // Few columns leave a GPU idle unless their rows are split: then a second pass merges the parts.
  const maxBlocks = Math.max(1, Math.min(256, Math.floor(65_536 / (outer * inner))));
  const split = spreadOf(outer, reduced, inner, maxBlocks);
  const parts = split.blocks > 1 ? gpu.scratch(outer * split.blocks * inner) : out;
  pass(gpu, max, x, parts, split, inner, split.blocks > 1 ? 1 : scale);
  if (split.blocks > 1) {
    pass(gpu, max, parts, out, spreadOf(outer, split.blocks, inner, 1), inner, scale);
  }
}

function pass(
  gpu: GpuLowering,
  max: boolean,
  x: Slice,
  out: Slice,
  s: Spread,
  inner: number,
  scale: number,
): void {
  const { V, width } = vectorType(inner);
  const start = max ? Number.NEGATIVE_INFINITY : 0;
  gpu.dispatch({
    shader: reduceShader,
    constants: { V, Stored: storedAs(x, width), MAX: max },
    bindings: [reads(x), writes(out)],
    params: [...spanParams(s), inner / width, s.blocks, float32Bits(start), float32Bits(scale)],
    workgroups: s.tiles * s.blocks,
  });
}

function lowerArgmax(gpu: GpuLowering, call: KernelCalls["reduce"]): void {
  const { outer, reduced, inner } = call;
  const s = spread(reduced, outer * inner, 1, 1, maxAcross(reduced, inner));
  gpu.dispatch({
    shader: argmaxShader,
    constants: { Stored: storedAs(call.x, 1) },
    bindings: [reads(call.x), writes(call.out)],
    params: [...spanParams(s), inner],
    workgroups: s.tiles,
  });
}

import applyText from "../../../shaders/batch-norm-apply.wgsl";
import mergeText from "../../../shaders/batch-norm-merge.wgsl";
import momentsText from "../../../shaders/batch-norm-moments.wgsl";
import statisticsText from "../../../shaders/batch-norm-statistics.wgsl";
import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import spanText from "../../../shaders/span.wgsl";
import { float32Bits } from "../float32.js";
import type { BatchNormCalls, BatchNormShape } from "../kernels/batch-norm-call.js";
import type { Slice } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { mathTypes, perGroup, spanParams, spread, storedAs, vectorType } from "./spread.js";

const momentsShader = shader("batchNorm moments", groupText, compareText, spanText, momentsText);
const mergeShader = shader("batchNorm merge", groupText, spanText, mergeText);
const applyShader = shader("batchNorm apply", groupText, compareText, spanText, applyText);
const statisticsShader = shader("batchNorm statistics", statisticsText);

/** Blocks of rows in a first pass, and columns side by side in the pass that merges them. */
export const maxBlocks = 256;
export const mergeAcross = 8;

export function lowerBatchNorm(gpu: GpuLowering, call: BatchNormCalls["batchNorm"]): void {
  const { rows, channels } = call;
  const { width } = vectorType(channels);
  const s = spread(rows, channels / width, 16, maxBlocks);
  const parts = gpu.scratch(s.blocks * 2 * channels);
  gpu.dispatch({
    shader: momentsShader,
    constants: { ...mathTypes(width), Stored: storedAs(call.x, width) },
    bindings: [reads(call.x), writes(parts)],
    params: spanParams(s),
    workgroups: s.tiles * s.blocks,
  });
  const merge = spread(s.blocks, channels, 1, 1, mergeAcross);
  gpu.dispatch({
    shader: mergeShader,
    bindings: [
      reads(parts),
      writes(call.mean),
      writes(call.invStd),
      writes(call.runningMean),
      writes(call.runningVar),
    ],
    params: [
      ...spanParams(merge),
      rows,
      s.rowsPerGroup,
      float32Bits(call.momentum),
      float32Bits(call.eps),
    ],
    workgroups: merge.tiles,
  });
  apply(gpu, call, call.mean, call.invStd, false, call.eps);
}

export function lowerBatchNormInference(
  gpu: GpuLowering,
  call: BatchNormCalls["batchNormInference"],
): void {
  apply(gpu, call, call.runningMean, call.runningVar, true, call.eps);
}

interface Normalised extends BatchNormShape {
  x: Slice;
  gamma: Slice;
  beta: Slice;
  residual: Slice | null;
  out: Slice;
}

function apply(
  gpu: GpuLowering,
  call: Normalised,
  mean: Slice,
  deviation: Slice,
  isVariance: boolean,
  eps: number,
): void {
  const { width } = vectorType(call.channels);
  const s = spread(
    call.rows,
    call.channels / width,
    2 * gpu.itemsPerLane,
    Number.POSITIVE_INFINITY,
  );
  gpu.dispatch({
    shader: applyShader,
    constants: {
      ...mathTypes(width),
      Stored: storedAs(call.x, width),
      VARIANCE: isVariance,
      RESIDUAL: call.residual !== null,
      RELU: call.relu,
    },
    bindings: [
      reads(call.x),
      reads(call.residual ?? call.x),
      reads(mean),
      reads(deviation),
      reads(call.gamma),
      reads(call.beta),
      writes(call.out),
    ],
    params: [...spanParams(s), float32Bits(eps)],
    workgroups: s.tiles * s.blocks,
  });
}

export function lowerBatchNormStatistics(
  gpu: GpuLowering,
  call: BatchNormCalls["batchNormStatistics"],
): void {
  gpu.dispatch({
    shader: statisticsShader,
    bindings: [
      reads(call.runningMean),
      reads(call.runningVar),
      writes(call.mean),
      writes(call.invStd),
    ],
    params: [call.channels, float32Bits(call.eps)],
    workgroups: [perGroup(call.channels, 64), 1, 1],
  });
}

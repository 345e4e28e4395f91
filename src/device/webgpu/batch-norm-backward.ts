import applyText from "../../../shaders/batch-norm-gradient-apply.wgsl";
import mergeText from "../../../shaders/batch-norm-gradient-merge.wgsl";
import scaleText from "../../../shaders/batch-norm-gradient-scale.wgsl";
import sumsText from "../../../shaders/batch-norm-gradient-sums.wgsl";
import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import spanText from "../../../shaders/span.wgsl";
import type { BatchNormCalls } from "../kernels/batch-norm-call.js";
import { maxBlocks, mergeAcross } from "./batch-norm.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { mathTypes, spanParams, spread, storedAs, vectorType } from "./spread.js";

const sumsShader = shader("batchNormBackward sums", groupText, compareText, spanText, sumsText);
const mergeShader = shader("batchNormBackward merge", groupText, spanText, mergeText);
const scaleShader = shader("batchNormBackward scale", groupText, compareText, spanText, scaleText);
const applyShader = shader("batchNormBackward apply", groupText, compareText, spanText, applyText);

export function lowerBatchNormBackward(
  gpu: GpuLowering,
  call: BatchNormCalls["batchNormBackward"],
): void {
  const { rows, channels, x, dy, dx, dgamma, dbeta, dresidual, relu } = call;
  if (!(dgamma || dbeta || (dx && call.training))) {
    scale(gpu, call);
    return;
  }
  const y = call.y ?? dy; // bound, but read only when relu
  const { width } = vectorType(channels);
  const types = { ...mathTypes(width), Stored: storedAs(x, width) };
  const sums = spread(rows, channels / width, 16, maxBlocks);
  const parts = gpu.scratch(sums.blocks * 2 * channels);
  gpu.dispatch({
    shader: sumsShader,
    constants: { ...types, RELU: relu, STORE: dresidual !== null },
    bindings: [
      reads(x),
      reads(y),
      reads(dy),
      reads(call.mean),
      writes(parts),
      writes(dresidual ?? gpu.scratch(4)),
    ],
    params: spanParams(sums),
    workgroups: sums.tiles * sums.blocks,
  });
  const merge = spread(sums.blocks, channels, 1, 1, mergeAcross);
  const coefficients = gpu.scratch(4 * channels);
  gpu.dispatch({
    shader: mergeShader,
    constants: { TRAINING: call.training },
    bindings: [
      reads(parts),
      reads(call.gamma),
      reads(call.mean),
      reads(call.invStd),
      writes(dgamma ?? gpu.scratch(channels)),
      writes(dbeta ?? gpu.scratch(channels)),
      writes(coefficients),
    ],
    params: [...spanParams(merge), rows],
    workgroups: merge.tiles,
  });
  if (!dx) return;
  // The first pass has left g in dresidual, which spares reading y again.
  const s = spread(rows, channels / width, 2 * gpu.itemsPerLane, Number.POSITIVE_INFINITY);
  gpu.dispatch({
    shader: applyShader,
    constants: { ...types, RELU: relu && dresidual === null },
    bindings: [reads(x), reads(y), reads(dresidual ?? dy), reads(coefficients), writes(dx)],
    params: spanParams(s),
    workgroups: s.tiles * s.blocks,
  });
}

function scale(gpu: GpuLowering, call: BatchNormCalls["batchNormBackward"]): void {
  const { rows, channels, dy, dx, dresidual, relu } = call;
  if (!dx && !dresidual) return;
  const { width } = vectorType(channels);
  const s = spread(rows, channels / width, 2 * gpu.itemsPerLane, Number.POSITIVE_INFINITY);
  gpu.dispatch({
    shader: scaleShader,
    constants: {
      ...{ ...mathTypes(width), Stored: storedAs(dy, width), RELU: relu },
      ...{ DX: dx !== null, STORE: dresidual !== null },
    },
    bindings: [
      reads(call.y ?? dy),
      reads(dy),
      reads(call.gamma),
      reads(call.invStd),
      writes(dx ?? gpu.scratch(4)),
      writes(dresidual ?? gpu.scratch(4)),
    ],
    params: spanParams(s),
    workgroups: s.tiles * s.blocks,
  });
}

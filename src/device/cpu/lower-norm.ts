import type { BatchNormCalls } from "../kernels/batch-norm-call.js";
import { float32Bits, type Lowering, optional } from "./lowering.js";

const vectorWidth = (channels: number): number => Math.ceil(channels / 4) * 4;

/** Rows whose sums stay in one partial: a block is about 64 KiB, by the shape alone. */
const blockRowsOf = (channels: number): number =>
  Math.min(128, Math.max(32, Math.floor(16384 / channels)));

function scratchFor(
  rows: number,
  channels: number,
  lowering: Lowering,
): { partials: number; coefficients: number; blockRows: number } {
  const blockRows = blockRowsOf(channels);
  const width = vectorWidth(channels);
  return {
    partials: lowering.scratch(8 * width * Math.ceil(rows / blockRows)),
    coefficients: lowering.scratch(12 * width),
    blockRows,
  };
}

export function lowerBatchNorm(call: BatchNormCalls["batchNorm"], lowering: Lowering): void {
  const { rows, channels, x, gamma, beta, residual, mean, invStd, out } = call;
  const { address, command } = lowering;
  const { partials, coefficients, blockRows } = scratchFor(rows, channels, lowering);
  command("batchnorm_partial", [address(x), partials, rows, channels, blockRows]);
  command("batchnorm_finish", [
    ...[partials, rows, channels, blockRows],
    ...[gamma, call.runningMean, call.runningVar, mean, invStd].map(address),
    ...[coefficients, float32Bits(call.momentum), float32Bits(call.eps)],
  ]);
  command("batchnorm_apply", [
    ...[address(x), address(mean), coefficients, address(beta), optional(residual, lowering)],
    ...[address(out), rows, channels, Number(call.relu)],
  ]);
}

export function lowerBatchNormInference(
  call: BatchNormCalls["batchNormInference"],
  lowering: Lowering,
): void {
  const { rows, channels, x, gamma, beta, runningMean, runningVar, residual, out } = call;
  const { address, command } = lowering;
  const scale = lowering.scratch(4 * vectorWidth(channels));
  command("batchnorm_scale", [
    ...[address(runningVar), address(gamma), scale],
    ...[channels, float32Bits(call.eps)],
  ]);
  command("batchnorm_apply", [
    ...[address(x), address(runningMean), scale, address(beta), optional(residual, lowering)],
    ...[address(out), rows, channels, Number(call.relu)],
  ]);
}

export function lowerBatchNormBackward(
  call: BatchNormCalls["batchNormBackward"],
  lowering: Lowering,
): void {
  const { rows, channels, x, dy, gamma, mean, invStd, dx, dgamma, dbeta, dresidual } = call;
  const { address, command } = lowering;
  if (!(dgamma || dbeta || (dx && call.training))) {
    if (dx || dresidual) scaleGradient(call, lowering);
    return;
  }
  const { partials, coefficients, blockRows } = scratchFor(rows, channels, lowering);
  const y = call.relu ? optional(call.y, lowering) : 0;
  command("batchnorm_backward_partial", [
    ...[address(x), y, address(dy), address(mean), optional(dresidual, lowering)],
    ...[partials, rows, channels, blockRows],
  ]);
  command("batchnorm_backward_finish", [
    ...[partials, rows, channels, blockRows],
    ...[address(gamma), address(invStd), optional(dgamma, lowering), optional(dbeta, lowering)],
    ...[coefficients, Number(call.training)],
  ]);
  if (!dx) return;
  // Where the first pass wrote g, the second need not derive it from dy and y again.
  const [from, mask] = dresidual ? [dresidual, 0] : [dy, y];
  command("batchnorm_backward_apply", [
    ...[address(x), mask, address(from), address(mean), coefficients, address(dx)],
    ...[rows, channels],
  ]);
}

function scaleGradient(call: BatchNormCalls["batchNormBackward"], lowering: Lowering): void {
  const { rows, channels, dy, gamma, invStd, dx, dresidual } = call;
  const y = call.relu ? optional(call.y, lowering) : 0;
  lowering.command("batchnorm_backward_scale", [
    ...[y, ...[dy, gamma, invStd].map(lowering.address)],
    ...[optional(dx, lowering), optional(dresidual, lowering), rows, channels],
  ]);
}

export function lowerBatchNormStatistics(
  call: BatchNormCalls["batchNormStatistics"],
  { address, command }: Lowering,
): void {
  const { runningMean, runningVar, mean, invStd, channels } = call;
  command("copy", [address(runningMean), address(mean), channels]);
  command("batchnorm_scale", [
    ...[address(runningVar), 0, address(invStd)],
    ...[channels, float32Bits(call.eps)],
  ]);
}

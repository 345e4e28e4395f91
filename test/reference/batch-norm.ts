import type { HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

/** out := relu?((x - mean) * invStd * gamma + beta + residual?). */
function normalise(
  call: Pick<
    HostCall<"batchNorm">,
    "x" | "gamma" | "beta" | "residual" | "out" | "rows" | "channels" | "relu"
  >,
  mean: (c: number) => number,
  invStd: (c: number) => number,
): void {
  const { x, gamma, beta, residual, out, rows, channels, relu } = call;
  for (let i = 0; i < rows * channels; i++) {
    const c = i % channels;
    const y = (at(x, i) - mean(c)) * invStd(c) * at(gamma, c) + at(beta, c);
    const sum = y + (residual ? at(residual, i) : 0);
    out[i] = relu ? Math.max(sum, 0) : sum;
  }
}

export function batchNorm(call: HostCall<"batchNorm">): void {
  const { x, mean, invStd, runningMean, runningVar, rows, channels } = call;
  const momentum = Math.fround(call.momentum);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += at(x, r * channels + c);
    const m = sum / rows;
    let squares = 0;
    for (let r = 0; r < rows; r++) squares += (at(x, r * channels + c) - m) ** 2;
    mean[c] = m;
    invStd[c] = 1 / Math.sqrt(squares / rows + call.eps);
    const unbiased = squares / Math.max(rows - 1, 1);
    runningMean[c] = (1 - momentum) * at(runningMean, c) + momentum * m;
    runningVar[c] = (1 - momentum) * at(runningVar, c) + momentum * unbiased;
  }
  normalise(
    call,
    (c) => at(mean, c),
    (c) => at(invStd, c),
  );
}

export function batchNormInference(call: HostCall<"batchNormInference">): void {
  normalise(
    call,
    (c) => at(call.runningMean, c),
    (c) => 1 / Math.sqrt(at(call.runningVar, c) + call.eps),
  );
}

export function batchNormStatistics(call: HostCall<"batchNormStatistics">): void {
  for (let c = 0; c < call.channels; c++) {
    call.mean[c] = at(call.runningMean, c);
    call.invStd[c] = 1 / Math.sqrt(at(call.runningVar, c) + call.eps);
  }
}

export function batchNormBackward(call: HostCall<"batchNormBackward">): void {
  const { x, y, dy, gamma, mean, invStd, dx, dgamma, dbeta, dresidual, rows, channels } = call;
  const gradient = (i: number): number => (call.relu && y && at(y, i) <= 0 ? 0 : at(dy, i));
  const normalised = (i: number): number =>
    (at(x, i) - at(mean, i % channels)) * at(invStd, i % channels);
  const sums = new Float64Array(channels);
  const normalisedSums = new Float64Array(channels);
  for (let i = 0; i < rows * channels; i++) {
    const c = i % channels;
    sums[c] = at(sums, c) + gradient(i);
    normalisedSums[c] = at(normalisedSums, c) + gradient(i) * normalised(i);
  }
  dbeta?.set(sums);
  dgamma?.set(normalisedSums);
  for (let i = 0; i < rows * channels; i++) {
    const c = i % channels;
    if (dresidual) dresidual[i] = gradient(i);
    if (!dx) continue;
    const correction = (at(sums, c) + normalised(i) * at(normalisedSums, c)) / rows;
    dx[i] = at(gamma, c) * at(invStd, c) * (gradient(i) - (call.training ? correction : 0));
  }
}

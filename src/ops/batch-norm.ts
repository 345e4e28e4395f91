import { record, records } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { empty } from "../tensor/create.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";

export interface BatchNormOptions {
  /** Use and update batch statistics (true) or use the running ones (false). */
  training: boolean;
  /** Weight of the batch in the running statistics. Default 0.1, as in PyTorch. */
  momentum?: number;
  /** Added to the variance. Default 1e-5, as in PyTorch. */
  eps?: number;
  /** Apply max(., 0) at the end, in the same pass. */
  relu?: boolean;
  /** Added before the ReLU, in the same pass; same shape as x. */
  residual?: Tensor;
}

export interface BatchNormState {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
}

/**
 * Batch normalisation over all dimensions but the last (Ioffe and Szegedy 2015, algorithm 1), with
 * residual addition and ReLU folded in: relu?((x - mean) / sqrt(var + eps) * gamma + beta + residual?).
 * x [..., channels], f32 or f16, and so are residual and result; gamma, beta and the running
 * statistics [channels] are f32.
 */
export function batchNorm(x: Tensor, state: BatchNormState, options: BatchNormOptions): Tensor {
  const { gamma, beta, runningMean, runningVar } = state;
  const { training, momentum = 0.1, eps = 1e-5, relu = false, residual } = options;
  const inputs = residual ? [x, gamma, beta, residual] : [x, gamma, beta];
  checkInputs("batchNorm", [...inputs, runningMean, runningVar], "float");
  checkInputs("batchNorm (state)", [gamma, beta, runningMean, runningVar]);
  const channels = x.shape.at(-1) ?? 0;
  checkShapes(x, state, channels, residual);
  const rows = channels === 0 ? 0 : x.size / channels;
  if (training && rows === 1) {
    throw new ShapeError(
      `batchNorm: one value per channel in ${formatShape(x.shape)} has no variance; ` +
        "train with a larger batch, or drop the last partial batch",
    );
  }
  const device = x.device;
  const out = empty(device, x.shape, x.dtype, "batchNorm");
  const shape = { rows, channels, relu };
  const mean = empty(device, [channels], "f32", "batch mean");
  const invStd = empty(device, [channels], "f32", "batch deviation");
  const common = {
    x: x.slice,
    gamma: gamma.slice,
    beta: beta.slice,
    runningMean: runningMean.slice,
    runningVar: runningVar.slice,
    residual: residual?.slice ?? null,
    out: out.slice,
    eps,
    ...shape,
  };
  if (rows > 0 && training) {
    device.run("batchNorm", { ...common, mean: mean.slice, invStd: invStd.slice, momentum });
  } else if (rows > 0) {
    device.run("batchNormInference", common);
  }
  // Taken now, because a training pass may change the running statistics before the backward pass.
  if (!training && channels > 0 && records(inputs)) {
    device.run("batchNormStatistics", {
      runningMean: runningMean.slice,
      runningVar: runningVar.slice,
      mean: mean.slice,
      invStd: invStd.slice,
      channels,
      eps,
    });
  }
  const saved = [x, gamma, mean, invStd, ...(relu ? [out] : [])];
  return record("batchNorm", out, inputs, saved, (dy, sink, needs) => {
    const dx = needs(0) ? sink(0) : undefined;
    // The kernel sums both in any case.
    const dgamma = needs(1) ? sink(1) : empty(device, [channels], "f32", "dgamma");
    const dbeta = needs(2) ? sink(2) : empty(device, [channels], "f32", "dbeta");
    // Without a ReLU the residual's gradient is dy itself.
    const ownResidual = needs(3) && relu ? sink(3) : undefined;
    if (rows > 0) {
      device.run("batchNormBackward", {
        x: x.slice,
        y: relu ? out.slice : null,
        dy: dy.slice,
        gamma: gamma.slice,
        mean: mean.slice,
        invStd: invStd.slice,
        dx: dx?.slice ?? null,
        dgamma: dgamma.slice,
        dbeta: dbeta.slice,
        dresidual: ownResidual?.slice ?? null,
        training,
        ...shape,
      });
    } else if (channels > 0) {
      for (const sum of [dgamma, dbeta]) device.run("fill", { dst: sum.slice, value: 0 });
    }
    return [dx, dgamma, dbeta, ownResidual ?? dy];
  });
}

function checkShapes(x: Tensor, state: BatchNormState, channels: number, residual?: Tensor): void {
  if (x.shape.length < 2) {
    throw new ShapeError(
      `batchNorm: x must be [..., channels], its shape is ${formatShape(x.shape)}`,
    );
  }
  for (const name of ["gamma", "beta", "runningMean", "runningVar"] as const) {
    if (!sameShape(state[name].shape, [channels])) {
      throw new ShapeError(
        `batchNorm: ${name} ${formatShape(state[name].shape)} must be [${channels}] for x ` +
          formatShape(x.shape),
      );
    }
  }
  if (residual && !(sameShape(residual.shape, x.shape) && residual.dtype === x.dtype)) {
    throw new ShapeError(
      `batchNorm: the residual ${formatShape(residual.shape)} ${residual.dtype} must have x's shape ` +
        `${formatShape(x.shape)} and type ${x.dtype}`,
    );
  }
}

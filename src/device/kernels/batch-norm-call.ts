import type { Slice } from "../storage.js";

/** x is [rows, channels]. */
export interface BatchNormShape {
  rows: number;
  channels: number;
  relu: boolean;
}

export interface BatchNormCalls {
  /**
   * Training batch norm over rows. mean and invStd ([channels]) are written for the backward pass;
   * running statistics are updated in place (variance unbiased: times rows / (rows - 1)):
   * running := (1 - momentum) * running + momentum * batch. (One row counts as variance 0.)
   * out := relu?((x - mean) * invStd * gamma + beta + residual?).
   */
  batchNorm: BatchNormShape & {
    x: Slice;
    gamma: Slice;
    beta: Slice;
    runningMean: Slice;
    runningVar: Slice;
    residual: Slice | null;
    mean: Slice;
    invStd: Slice;
    out: Slice;
    momentum: number;
    eps: number;
  };
  /** Evaluation batch norm with running statistics; invStd = 1 / sqrt(runningVar + eps). */
  batchNormInference: BatchNormShape & {
    x: Slice;
    gamma: Slice;
    beta: Slice;
    runningMean: Slice;
    runningVar: Slice;
    residual: Slice | null;
    out: Slice;
    eps: number;
  };
  /**
   * Backward of either form. g := relu && y <= 0 ? 0 : dy; y is read only when relu.
   * dbeta := sum g; dgamma := sum g * xhat, xhat = (x - mean) * invStd; dresidual := g.
   * training: dx := gamma * invStd * (g - dbeta / rows - xhat * dgamma / rows);
   * else (statistics are constants): dx := gamma * invStd * g. Null outputs are not computed, and
   * neither are sums that nothing needs.
   */
  batchNormBackward: BatchNormShape & {
    x: Slice;
    y: Slice | null;
    dy: Slice;
    gamma: Slice;
    mean: Slice;
    invStd: Slice;
    dx: Slice | null;
    dgamma: Slice | null;
    dbeta: Slice | null;
    dresidual: Slice | null;
    training: boolean;
  };
  /** mean := runningMean copied, invStd := 1 / sqrt(runningVar + eps): what backward needs in eval mode. */
  batchNormStatistics: {
    runningMean: Slice;
    runningVar: Slice;
    mean: Slice;
    invStd: Slice;
    channels: number;
    eps: number;
  };
}

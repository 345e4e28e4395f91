import type { KernelCalls, KernelName } from "./kernels.js";

/** The slices that each kernel writes, some of them in place; all others it only reads. */
export const written = {
  copy: ["dst"],
  fill: ["dst"],
  elementwise: ["out"],
  reduce: ["out"],
  permute: ["out"],
  matmul: ["out"],
  conv2d: ["out"],
  conv2dInference: ["out"],
  conv2dInputGrad: ["dx"],
  conv2dWeightGrad: ["dw"],
  batchNorm: ["out", "mean", "invStd", "runningMean", "runningVar"],
  batchNormInference: ["out"],
  batchNormBackward: ["dx", "dgamma", "dbeta", "dresidual"],
  batchNormStatistics: ["mean", "invStd"],
  pool2d: ["out"],
  pool2dBackward: ["dx"],
  softmaxCrossEntropy: ["loss", "probabilities"],
  softmaxCrossEntropyBackward: ["dlogits"],
  gatherRows: ["out"],
  scatterAddRows: ["out"],
  oneHot: ["out"],
  augment: ["out"],
  random: ["out"],
  sgd: ["params", "velocity"],
  adamCount: ["count"],
  adam: ["params", "m", "v"],
  unscale: ["grads", "state"],
  updateScale: ["state"],
  multiplyAdd: ["out"],
} as const satisfies { readonly [K in KernelName]: readonly (keyof KernelCalls[K])[] };

/** The names of the slices that a kernel writes. */
export type Written<K extends KernelName> = (typeof written)[K][number];

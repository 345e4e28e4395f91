import type { KernelCalls, KernelName } from "../kernels.js";
import {
  lowerConv2d,
  lowerConv2dInference,
  lowerConv2dInputGrad,
  lowerConv2dWeightGrad,
} from "./conv.js";
import { lowerDepthwise2d, lowerDepthwise2dWeightGrad } from "./lower-depthwise.js";
import { lowerCopy, lowerElementwise, lowerFill, lowerInteger } from "./lower-elementwise.js";
import { lowerUnscale, lowerUpdateScale } from "./lower-loss-scale.js";
import { lowerMove } from "./lower-move.js";
import {
  lowerBatchNorm,
  lowerBatchNormBackward,
  lowerBatchNormInference,
  lowerBatchNormStatistics,
} from "./lower-norm.js";
import { lowerPool2d, lowerPool2dBackward } from "./lower-pool.js";
import {
  lowerAdam,
  lowerAdamCount,
  lowerAugment,
  lowerGatherRows,
  lowerMultiplyAdd,
  lowerOneHot,
  lowerRandom,
  lowerReduce,
  lowerScatterAddRows,
  lowerSgd,
  lowerSoftmaxCrossEntropy,
  lowerSoftmaxCrossEntropyBackward,
} from "./lower-rows.js";
import { lowerGatherAlong, lowerSort } from "./lower-sort.js";
import type { Lowering } from "./lowering.js";
import { lowerMatmul } from "./matmul.js";

/** How each kernel call becomes commands on the CPU device. */
export const lowerings: {
  readonly [K in KernelName]: (call: KernelCalls[K], lowering: Lowering) => void;
} = {
  copy: lowerCopy,
  fill: lowerFill,
  elementwise: lowerElementwise,
  integer: lowerInteger,
  reduce: lowerReduce,
  move: lowerMove,
  matmul: lowerMatmul,
  conv2d: lowerConv2d,
  conv2dInference: lowerConv2dInference,
  conv2dInputGrad: lowerConv2dInputGrad,
  conv2dWeightGrad: lowerConv2dWeightGrad,
  depthwise2d: lowerDepthwise2d,
  depthwise2dWeightGrad: lowerDepthwise2dWeightGrad,
  batchNorm: lowerBatchNorm,
  batchNormInference: lowerBatchNormInference,
  batchNormBackward: lowerBatchNormBackward,
  batchNormStatistics: lowerBatchNormStatistics,
  pool2d: lowerPool2d,
  pool2dBackward: lowerPool2dBackward,
  softmaxCrossEntropy: lowerSoftmaxCrossEntropy,
  softmaxCrossEntropyBackward: lowerSoftmaxCrossEntropyBackward,
  gatherRows: lowerGatherRows,
  scatterAddRows: lowerScatterAddRows,
  sort: lowerSort,
  gatherAlong: lowerGatherAlong,
  oneHot: lowerOneHot,
  augment: lowerAugment,
  random: lowerRandom,
  sgd: lowerSgd,
  adamCount: lowerAdamCount,
  adam: lowerAdam,
  unscale: lowerUnscale,
  updateScale: lowerUpdateScale,
  multiplyAdd: lowerMultiplyAdd,
};

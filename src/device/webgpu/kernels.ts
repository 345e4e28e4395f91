import type { KernelCalls, KernelName } from "../kernels.js";
import { lowerBatchNorm, lowerBatchNormInference, lowerBatchNormStatistics } from "./batch-norm.js";
import { lowerBatchNormBackward } from "./batch-norm-backward.js";
import {
  lowerConv2d,
  lowerConv2dInference,
  lowerConv2dInputGrad,
  lowerConv2dWeightGrad,
} from "./conv.js";
import { lowerDepthwise2d, lowerDepthwise2dWeightGrad } from "./depthwise.js";
import { lowerElementwise, lowerInteger } from "./elementwise.js";
import { lowerMatmul } from "./gemm.js";
import { lowerUnscale, lowerUpdateScale } from "./loss-scale.js";
import type { GpuLowering, Lower } from "./lowering.js";
import { lowerMove } from "./move.js";
import { lowerPool2d, lowerPool2dBackward } from "./pool2d.js";
import { lowerAugment, lowerRandom } from "./random.js";
import { lowerReduce } from "./reduce.js";
import { lowerGatherRows, lowerOneHot, lowerScatterAddRows } from "./rows.js";
import {
  lowerAdam,
  lowerAdamCount,
  lowerCopy,
  lowerFill,
  lowerMultiplyAdd,
  lowerSgd,
} from "./simple.js";
import { lowerSoftmaxCrossEntropy, lowerSoftmaxCrossEntropyBackward } from "./softmax.js";
import { lowerGatherAlong, lowerSort } from "./sort.js";

/** How each row of the kernel table becomes dispatches. */
const lowerings: { [K in KernelName]: Lower<K> } = {
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

export function lower<K extends KernelName>(
  gpu: GpuLowering,
  kernel: K,
  call: KernelCalls[K],
): void {
  lowerings[kernel](gpu, call);
}

import { batchNormKernels } from "./kernels/batch-norm.js";
import type { BatchNormCalls } from "./kernels/batch-norm-call.js";
import { conv2dKernels } from "./kernels/conv2d.js";
import type { Conv2dCalls } from "./kernels/conv2d-call.js";
import { type CrossEntropyCalls, crossEntropyKernels } from "./kernels/cross-entropy.js";
import { type DepthwiseCalls, depthwiseKernels } from "./kernels/depthwise.js";
import { elementwiseKernels } from "./kernels/elementwise.js";
import type { ElementwiseCalls } from "./kernels/elementwise-call.js";
import type { CallCost, Kernels } from "./kernels/kernel.js";
import { type LayerNormCalls, layerNormKernels } from "./kernels/layer-norm.js";
import { type LossScaleCalls, lossScaleKernels } from "./kernels/loss-scale.js";
import { matmulKernels } from "./kernels/matmul.js";
import type { MatmulCalls } from "./kernels/matmul-call.js";
import { movingKernels } from "./kernels/moving.js";
import type { MovingCalls } from "./kernels/moving-call.js";
import { type OptimizerCalls, optimizerKernels } from "./kernels/optimizers.js";
import { type PeakCalls, peakKernels } from "./kernels/peak.js";
import { type Pool2dCalls, pool2dKernels } from "./kernels/pool2d.js";
import { type RandomCalls, randomKernels } from "./kernels/random.js";
import { type ReduceCalls, reduceKernels } from "./kernels/reduce.js";
import { type RowsCalls, rowsKernels } from "./kernels/rows.js";
import { type SortCalls, sortKernels } from "./kernels/sort.js";

/**
 * The closed table of kernels. Each device implements every row; everything above calls
 * `device.run(name, call)`. Shapes are row-major; elements are 32 bits wide (f32 unless said).
 * On a device with the feature shader-f16 the activations of elementwise, reduce (its x), matmul,
 * convolutions (depthwise ones too), norms and pooling and what copy, fill, move and augment write may be f16:
 * arithmetic stays f32. An operation's operands then agree; a weight's gradient may be f32.
 * A slice that a kernel writes never lies in the same storage as a slice it reads, except where a
 * row says "in place". Sizes may be odd; a size of zero is filtered out above the device.
 */
export interface KernelCalls
  extends MovingCalls,
    ElementwiseCalls,
    ReduceCalls,
    MatmulCalls,
    Conv2dCalls,
    DepthwiseCalls,
    BatchNormCalls,
    LayerNormCalls,
    Pool2dCalls,
    CrossEntropyCalls,
    RowsCalls,
    SortCalls,
    RandomCalls,
    OptimizerCalls,
    LossScaleCalls,
    PeakCalls {}

export type KernelName = keyof KernelCalls;

export const kernels: Kernels<KernelCalls> = {
  ...movingKernels,
  ...elementwiseKernels,
  ...reduceKernels,
  ...matmulKernels,
  ...conv2dKernels,
  ...depthwiseKernels,
  ...batchNormKernels,
  ...layerNormKernels,
  ...pool2dKernels,
  ...crossEntropyKernels,
  ...rowsKernels,
  ...sortKernels,
  ...randomKernels,
  ...optimizerKernels,
  ...lossScaleKernels,
  ...peakKernels,
};

/** Operations and bytes of a kernel call, counted from its shapes. */
export const costOf = <K extends KernelName>(kernel: K, call: KernelCalls[K]): CallCost =>
  kernels[kernel].cost(call);

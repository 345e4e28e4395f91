import type { KernelName } from "../device/kernels.js";
import { eachRelative, exact, maxRelative, normRelative, type Tolerance } from "./compare.js";
import { HalfArray, halfRounding } from "./half-array.js";
import type { HostArray, HostCall } from "./host-call.js";

/** What each kernel writes, and how near to the exact result it must be. */
export const kernelBounds: Record<KernelName, Readonly<Record<string, Tolerance>>> = {
  copy: { dst: exact },
  fill: { dst: exact },
  elementwise: { out: maxRelative },
  integer: { out: exact },
  reduce: { out: maxRelative },
  move: { out: exact },
  matmul: { out: normRelative },
  conv2d: { out: normRelative },
  conv2dInference: { out: normRelative },
  conv2dInputGrad: { dx: normRelative },
  conv2dWeightGrad: { dw: normRelative },
  depthwise2d: { out: normRelative },
  depthwise2dWeightGrad: { dw: normRelative },
  batchNorm: {
    out: normRelative,
    mean: maxRelative,
    invStd: normRelative,
    runningMean: maxRelative,
    runningVar: normRelative,
  },
  batchNormInference: { out: normRelative },
  batchNormBackward: {
    dx: normRelative,
    dgamma: normRelative,
    dbeta: normRelative,
    dresidual: maxRelative,
  },
  batchNormStatistics: { mean: exact, invStd: maxRelative },
  layerNorm: { out: normRelative, mean: maxRelative, invStd: normRelative },
  layerNormBackward: { dx: normRelative, dgamma: normRelative, dbeta: normRelative },
  pool2d: { out: maxRelative },
  pool2dBackward: { dx: maxRelative },
  softmaxCrossEntropy: { loss: maxRelative, probabilities: maxRelative },
  softmaxCrossEntropyBackward: { dlogits: maxRelative },
  gatherRows: { out: exact },
  scatterAddRows: { out: maxRelative },
  sort: { index: exact, rank: exact },
  gatherAlong: { out: exact },
  oneHot: { out: exact },
  augment: { out: maxRelative },
  random: { out: maxRelative },
  sgd: { params: maxRelative, velocity: maxRelative },
  adamCount: { count: eachRelative },
  adam: { params: maxRelative, m: maxRelative, v: maxRelative },
  unscale: { grads: maxRelative, state: exact },
  updateScale: { state: maxRelative },
  multiplyAdd: { out: maxRelative },
};

/** Half a unit in the last place of a 16-bit float, beside the bar of arithmetic in f32. */
const halfBound: Tolerance = { kind: "max", bar: halfRounding + 1e-5 };

/** The array in a field of a call. */
export const fieldOf = (call: object, name: string): HostArray | null =>
  (call as Record<string, HostArray | null>)[name] ?? null;

/** The bounds of a call's results; results stored as f16 are rounded, unless they are copies. */
export function boundsOf<K extends KernelName>(
  kernel: K,
  call: HostCall<K>,
): Readonly<Record<string, Tolerance>> {
  const bounds = Object.entries(kernelBounds[kernel]).map(([name, bound]) => {
    const rounded = fieldOf(call, name) instanceof HalfArray && bound.kind !== "exact";
    return [name, rounded ? halfBound : bound];
  });
  return Object.fromEntries(bounds);
}

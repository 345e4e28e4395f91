import { type KernelName, kernels } from "../device/kernels.js";
import { eachRelative, exact, maxRelative, normRelative, type Tolerance } from "./compare.js";
import { HalfArray, halfRounding } from "./half-array.js";
import type { HostArray, HostCall } from "./host-call.js";

type Bounds = Readonly<Record<string, Tolerance>>;

/** How near to the exact result what a kernel writes must be, where it is not `normRelative`. */
const bounds: Partial<Record<KernelName, Bounds>> = {
  copy: { dst: exact },
  fill: { dst: exact },
  elementwise: { out: maxRelative },
  integer: { out: exact },
  reduce: { out: maxRelative },
  move: { out: exact },
  batchNorm: {
    out: normRelative,
    mean: maxRelative,
    invStd: normRelative,
    runningMean: maxRelative,
    runningVar: normRelative,
  },
  batchNormBackward: {
    dx: normRelative,
    dgamma: normRelative,
    dbeta: normRelative,
    dresidual: maxRelative,
  },
  batchNormStatistics: { mean: exact, invStd: maxRelative },
  layerNorm: { out: normRelative, mean: maxRelative, invStd: normRelative },
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

/** The bounds of everything that a kernel writes. */
export const kernelBounds = (kernel: KernelName): Bounds =>
  bounds[kernel] ??
  Object.fromEntries(kernels[kernel].writes.map((name: string) => [name, normRelative]));

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
  const found = Object.entries(kernelBounds(kernel)).map(([name, bound]) => {
    const rounded = fieldOf(call, name) instanceof HalfArray && bound.kind !== "exact";
    return [name, rounded ? halfBound : bound];
  });
  return Object.fromEntries(found);
}

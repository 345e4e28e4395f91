import { test } from "vitest";
import type { Device } from "../../src/device/device.js";
import type { KernelName } from "../../src/device/kernels.js";
import { references } from "../reference/index.js";
import { exact, expectClose, maxRelative, normRelative, type Tolerance } from "./compare.js";
import { arraysOf, cloneCall, type HostArray, type HostCall, runKernel } from "./host-call.js";

/** What each kernel writes, and how near to the float64 reference it must be. */
const results: Record<KernelName, Readonly<Record<string, Tolerance>>> = {
  copy: { dst: exact },
  fill: { dst: exact },
  elementwise: { out: maxRelative },
  reduce: { out: maxRelative },
  permute: { out: exact },
  matmul: { out: normRelative },
  conv2d: { out: normRelative },
  conv2dInference: { out: normRelative },
  conv2dInputGrad: { dx: normRelative },
  conv2dWeightGrad: { dw: normRelative },
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
  pool2d: { out: maxRelative },
  pool2dBackward: { dx: maxRelative },
  softmaxCrossEntropy: { loss: maxRelative, probabilities: maxRelative },
  softmaxCrossEntropyBackward: { dlogits: maxRelative },
  gatherRows: { out: exact },
  scatterAddRows: { out: maxRelative },
  oneHot: { out: exact },
  augment: { out: maxRelative },
  random: { out: maxRelative },
  sgd: { params: maxRelative, velocity: maxRelative },
  adam: { params: maxRelative, m: maxRelative, v: maxRelative },
  unscale: { grads: maxRelative, state: exact },
  updateScale: { state: maxRelative },
  multiplyAdd: { out: maxRelative },
};

export interface KernelCase<K extends KernelName = KernelName> {
  readonly kernel: K;
  readonly title: string;
  readonly build: () => HostCall<K>;
  /** Stricter bars than the table's. */
  readonly tolerances: Readonly<Record<string, Tolerance>>;
  /** Runs the kernel twice and compares: with itself bit by bit, and with the reference. */
  check(device: Device): Promise<void>;
}

const field = (call: unknown, name: string): HostArray | null =>
  (call as Record<string, HostArray | null>)[name] ?? null;

/** One call of one kernel; inputs and reference are computed once and serve both devices. */
export function kernelCase<K extends KernelName>(
  kernel: K,
  title: string,
  build: () => HostCall<K>,
  tolerances: Readonly<Record<string, Tolerance>> = {},
): KernelCase<K> {
  let known: { call: HostCall<K>; expected: HostCall<K> } | undefined;
  const prepare = (): { call: HostCall<K>; expected: HostCall<K> } => {
    if (known) return known;
    const call = build();
    const expected = cloneCall<K>(call);
    references[kernel](expected);
    known = { call, expected };
    return known;
  };
  const check = async (device: Device): Promise<void> => {
    const { call, expected } = prepare();
    const first = await runKernel(device, kernel, call);
    const written = new Set<HostArray | null>();
    const second = await runKernel(device, kernel, call, 1);
    for (const [name, tolerance] of Object.entries({ ...results[kernel], ...tolerances })) {
      const want = field(expected, name);
      const got = field(first, name);
      const again = field(second, name);
      written.add(got);
      if (!want || !got || !again) continue;
      expectClose(`${kernel}.${name}`, got, want, tolerance);
      expectClose(`${kernel}.${name}, run again`, again, got, exact);
    }
    const after = arraysOf(first);
    arraysOf(call).forEach((array, i) => {
      const now = after[i];
      if (now && !written.has(now)) expectClose(`${kernel}, an input`, now, array, exact);
    });
  };
  return { kernel, title, build, tolerances, check };
}

/** One test a case. */
export function testKernelCases(
  device: () => Device,
  cases: readonly { title: string; check(device: Device): Promise<void> }[],
): void {
  test.each(cases)("$title", async ({ check }) => {
    await check(device());
  });
}

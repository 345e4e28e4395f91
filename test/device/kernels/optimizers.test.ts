import { test } from "vitest";
import { references } from "../../reference/index.js";
import { expectClose, maxRelative } from "../../support/compare.js";
import { describeOnDevices } from "../../support/devices.js";
import { type HostCall, runKernel } from "../../support/host-call.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { uniform } from "../../support/random.js";

const float32 = (values: readonly number[]): Float64Array => Float64Array.from(values, Math.fround);

const sgdCall = (
  n: number,
  hyper: readonly number[],
  skip: Float64Array | null = null,
): HostCall<"sgd"> => ({
  params: uniform(1, n),
  grads: uniform(2, n),
  velocity: uniform(3, n),
  hyper: float32(hyper),
  skip,
});

const adamCall = (n: number, weightDecay: number, decoupled: number): HostCall<"adam"> => ({
  params: uniform(1, n),
  grads: uniform(2, n),
  m: uniform(3, n, -0.1, 0.1),
  v: uniform(4, n, 0, 0.01),
  hyper: float32([0.01, 0.9, 0.999, 1e-8, weightDecay, 1 - 0.9 ** 3, 1 - 0.999 ** 3, decoupled]),
});

const sizes = [1, 3, 35, 257, 4099];

const single = [
  ...sizes.map((n) => kernelCase("sgd", `${n} elements`, () => sgdCall(n, [0.1, 0.9, 5e-4, 0]))),
  kernelCase("sgd", "Nesterov", () => sgdCall(257, [0.1, 0.9, 5e-4, 1])),
  ...[0, 1].flatMap((found) =>
    [260, 257].map((n) =>
      kernelCase("sgd", `${n} elements, ${found ? "skipped" : "not skipped"}`, () =>
        sgdCall(n, [0.1, 0.9, 5e-4, 0], float32([1024, 3, found, 0])),
      ),
    ),
  ),
  kernelCase("sgd", "neither momentum nor decay", () => sgdCall(257, [0.1, 0, 0, 0])),
  ...sizes.map((n) => kernelCase("adam", `${n} elements`, () => adamCall(n, 0, 0))),
  kernelCase("adam", "weight decay in the gradient", () => adamCall(257, 0.1, 0)),
  kernelCase("adam", "decoupled weight decay", () => adamCall(257, 0.1, 1)),
];

describeOnDevices("optimizers", (device) => {
  testKernelCases(device, single);

  test.each([0, 1])("sgd stays near float64 over 25 steps, nesterov %d", async (nesterov) => {
    let got = { ...sgdCall(131, [0.05, 0.9, 5e-4, nesterov]), velocity: new Float64Array(131) };
    const want = { ...got, params: got.params.slice(), velocity: got.velocity.slice() };
    for (let step = 0; step < 25; step++) {
      want.grads = uniform(100 + step, 131);
      got = (await runKernel(device(), "sgd", { ...got, grads: want.grads })) as typeof got;
      references.sgd(want);
    }
    expectClose("sgd.params", got.params, want.params, maxRelative);
    expectClose("sgd.velocity", got.velocity, want.velocity, maxRelative);
  });

  test.each([0, 1])("adam stays near float64 over 25 steps, decoupled %d", async (decoupled) => {
    const zeros = { m: new Float64Array(131), v: new Float64Array(131) };
    let got = { ...adamCall(131, 0.01, decoupled), ...zeros };
    const want = { ...got, params: got.params.slice(), m: got.m.slice(), v: got.v.slice() };
    for (let t = 1; t <= 25; t++) {
      want.grads = uniform(200 + t, 131);
      want.hyper = float32([...want.hyper.slice(0, 5), 1 - 0.9 ** t, 1 - 0.999 ** t, decoupled]);
      const call = { ...got, grads: want.grads, hyper: want.hyper };
      got = (await runKernel(device(), "adam", call)) as typeof got;
      references.adam(want);
    }
    expectClose("adam.params", got.params, want.params, maxRelative);
    expectClose("adam.v", got.v, want.v, maxRelative);
  });
});

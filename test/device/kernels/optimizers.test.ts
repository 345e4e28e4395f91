import { test } from "vitest";
import { adamHyper } from "../../../src/device/adam-hyper.js";
import { references } from "../../reference/index.js";
import { eachRelative, expectClose, maxRelative } from "../../support/compare.js";
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

const hyperOf = (betas: readonly [number, number], weightDecay = 0, decoupled = 0) =>
  float32(adamHyper({ lr: 0.01, betas, eps: 1e-8, weightDecay, decoupled: decoupled === 1 }));

const adamCall = (
  n: number,
  weightDecay: number,
  decoupled: number,
  skip: Float64Array | null = null,
): HostCall<"adam"> => ({
  params: uniform(1, n),
  grads: uniform(2, n),
  m: uniform(3, n, -0.1, 0.1),
  v: uniform(4, n, 0, 0.01),
  count: float32([3, 1 - 0.9 ** 3, 1 - 0.999 ** 3]),
  hyper: hyperOf([0.9, 0.999], weightDecay, decoupled),
  skip,
});

const countCall = (steps: number, skip: Float64Array | null = null): HostCall<"adamCount"> => ({
  count: float32([steps, 1 - 0.8 ** steps, 1 - 0.95 ** steps]),
  hyper: hyperOf([0.8, 0.95]),
  skip,
});

/** The state of a loss scale without overflow, and after one. */
const skips = [0, 1].map((found) => ({
  title: found ? "skipped" : "not skipped",
  skip: float32([1024, 3, found, 0]),
}));

const sizes = [1, 3, 35, 257, 4099];

const single = [
  ...sizes.map((n) => kernelCase("sgd", `${n} elements`, () => sgdCall(n, [0.1, 0.9, 5e-4, 0]))),
  kernelCase("sgd", "Nesterov", () => sgdCall(257, [0.1, 0.9, 5e-4, 1])),
  ...skips.flatMap(({ title, skip }) => [
    ...[260, 257].map((n) =>
      kernelCase("sgd", `${n} elements, ${title}`, () => sgdCall(n, [0.1, 0.9, 5e-4, 0], skip)),
    ),
    ...[260, 257].map((n) =>
      kernelCase("adam", `${n} elements, ${title}`, () => adamCall(n, 0.1, n % 2, skip)),
    ),
    kernelCase("adamCount", title, () => countCall(5, skip)),
  ]),
  kernelCase("sgd", "neither momentum nor decay", () => sgdCall(257, [0.1, 0, 0, 0])),
  ...sizes.map((n) => kernelCase("adam", `${n} elements`, () => adamCall(n, 0, 0))),
  ...[0, 1, 30].map((n) => kernelCase("adamCount", `after ${n} steps`, () => countCall(n))),
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
    const zeros = { m: new Float64Array(131), v: new Float64Array(131), count: float32([0, 0, 0]) };
    let got = { ...adamCall(131, 0.01, decoupled), ...zeros };
    const want = { ...got, params: got.params.slice(), m: got.m.slice(), v: got.v.slice() };
    for (let t = 1; t <= 25; t++) {
      want.grads = uniform(200 + t, 131);
      const { count } = await runKernel(device(), "adamCount", got);
      got = (await runKernel(device(), "adam", { ...got, grads: want.grads, count })) as typeof got;
      want.count = Float64Array.of(t, 1 - 0.9 ** t, 1 - 0.999 ** t);
      references.adam(want);
    }
    expectClose("adam.params", got.params, want.params, maxRelative);
    expectClose("adam.v", got.v, want.v, maxRelative);
    expectClose("adamCount.count", got.count, want.count, eachRelative);
  });

  test.each([
    [0.9, 0.999],
    [0.8, 0.95],
    [0.5, 0.9999],
    [0, 0.99999],
    [0.99, 1e-3],
  ])("bias corrections of %d and %d are exact to float32", async (beta1, beta2) => {
    const betas = [beta1, beta2] as const;
    for (const t of [1, 2, 3, 7, 10, 30, 69, 100, 693, 1000, 4097, 12_345, 69_314, 1e5, 1e6]) {
      const call = { count: float32([t - 1, 0.3, 0.7]), hyper: hyperOf(betas), skip: null };
      const { count } = await runKernel(device(), "adamCount", call);
      const exactly = betas.map((beta) => (beta === 0 ? 1 : -Math.expm1(t * Math.log(beta))));
      const want = Float64Array.of(t, ...exactly);
      expectClose(`after ${t} steps`, count, want, { kind: "each", bar: 2 ** -23 });
    }
  });
});

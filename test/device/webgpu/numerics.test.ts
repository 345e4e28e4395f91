import { expect, test } from "vitest";
import type { ElementwiseOp } from "../../../src/device/elementwise.js";
import type { Slice } from "../../../src/device/storage.js";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { useDevice } from "../../support/devices.js";

const device = useDevice(openWebGpuDevice);

const upload = (values: ArrayLike<number>): Slice => {
  const slice = empty(values.length);
  device().write(slice, Float32Array.from(values));
  return slice;
};
const empty = (length: number): Slice => ({
  storage: device().allocate(length * 4, "test"),
  offset: 0,
  length,
});
const floats = async (slice: Slice): Promise<number[]> => [
  ...new Float32Array(await device().read(slice)),
];

async function apply(kernel: ElementwiseOp, ...inputs: ArrayLike<number>[]): Promise<number[]> {
  using _scope = device().scope();
  const length = inputs[0]?.length ?? 0;
  const out = empty(length);
  device().run("elementwise", {
    kernel,
    inputs: inputs.map((values) => ({ slice: upload(values), strides: [1] })),
    out,
    shape: [length],
    scalars: [0, 0],
  });
  return floats(out);
}

const inf = Number.POSITIVE_INFINITY;

test.each<[ElementwiseOp, number[], number[]]>([
  ["exp", [0, -0, inf, -inf, 89, -104, Number.NaN], [1, 1, inf, 0, inf, 0, Number.NaN]],
  ["log", [1, 0, -0, inf, -1, -inf, Number.NaN], [0, -inf, -inf, inf, NaN, NaN, Number.NaN]],
  ["tanh", [100, -100, inf, -inf, Number.NaN], [1, -1, 1, -1, Number.NaN]],
  ["sigmoid", [100, -100, inf, -inf, Number.NaN], [1, 0, 1, 0, Number.NaN]],
  ["relu", [3, -3, inf, -inf, Number.NaN], [3, 0, inf, 0, Number.NaN]],
])("%s at the edges", async (kernel, inputs, wanted) => {
  expect(await apply(kernel, inputs)).toEqual(wanted.map((x) => (x === 0 ? expect.closeTo(0) : x)));
});

test.each<[ElementwiseOp, (x: number) => number, number, number]>([
  ["exp", Math.exp, -87, 88],
  ["log", Math.log, 0.999, 1.001],
  ["log", Math.log, 1e-30, 1e30],
  ["sin", Math.sin, -3000, 3000],
  ["cos", Math.cos, -3000, 3000],
  ["tanh", Math.tanh, -12, 12],
])("%s is accurate where WGSL's built-in need not be", async (kernel, exact, low, high) => {
  const n = 8191;
  const inputs = Float32Array.from({ length: n }, (_, i) => low + ((i + 0.37) / n) * (high - low));
  const outputs = await apply(kernel, inputs);
  const errors = outputs.map((y, i) => {
    const wanted = exact(inputs[i] ?? 0);
    return Math.abs(y - wanted) / Math.abs(wanted);
  });
  expect(Math.max(...errors)).toBeLessThan(3e-7);
});

test("pow at zero and at large exponents", async () => {
  const powers = await apply("pow", [0, 0, 3, 10, 0.5], [2, 0, 0, 30, 100]);
  const wanted = [0, 1, 1, 1e30, 0.5 ** 100];
  for (const [i, y] of powers.entries()) {
    const exact = wanted[i] ?? 0;
    expect(Math.abs(y - exact)).toBeLessThanOrEqual(1e-5 * exact);
  }
});

test("a NaN is not swallowed by batch norm's ReLU", async () => {
  const x = upload([1, 2, Number.NaN, 4, 5, 6, 7, 8, 9]);
  const [gamma, beta, runningMean, runningVar] = [1, 0, 0, 1].map((v) => upload([v, v, v])) as [
    Slice,
    Slice,
    Slice,
    Slice,
  ];
  const out = empty(9);
  device().run("batchNormInference", {
    ...{ rows: 3, channels: 3, relu: true, x, gamma, beta, runningMean, runningVar },
    ...{ residual: null, out, eps: 0 },
  });
  expect(await floats(out)).toEqual([1, 2, Number.NaN, 4, 5, 6, 7, 8, 9]);
});

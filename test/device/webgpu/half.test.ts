import { describe, expect, test } from "vitest";
import type { KernelName } from "../../../src/device/kernels.js";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { references } from "../../reference/index.js";
import { exact, type Tolerance } from "../../support/compare.js";
import { useDevice } from "../../support/devices.js";
import { HalfArray, halfRounding, halves } from "../../support/half.js";
import { type HostCall, runKernel } from "../../support/host-call.js";
import {
  type KernelCase,
  kernelCase,
  tableCases,
  testKernelCases,
} from "../../support/kernel-case.js";
import { gridded, output, outputWords, product, uniform, words } from "../../support/random.js";
import { convShape, poolShape } from "../../support/shapes.js";

/**
 * Kernels on halves: inputs are rounded to f16 before the reference sees them. What is stored as f16
 * may be half a unit in the last place off, beside the float32 kernels' own bar; what is stored as
 * f32 has the float32 bar alone.
 */
const rounded: Tolerance = { kind: "max", bar: halfRounding + 1e-5 };

/** Room for a cold compiler on a busy machine. */
const slow = { timeout: 600_000 };

const half = (seed: number, length: number, low = -1, high = 1): HalfArray =>
  halves(uniform(seed, length, low, high));
const halfOutput = (length: number): HalfArray => new HalfArray(length).fill(12344);

function halfCase<K extends KernelName>(
  kernel: K,
  title: string,
  build: () => HostCall<K>,
  tolerances: Readonly<Record<string, Tolerance>> = {},
): KernelCase<K> {
  const stored = Object.entries(build()).filter(([, value]) => value instanceof HalfArray);
  const bars = Object.fromEntries(stored.map(([name]) => [name, rounded]));
  return kernelCase(kernel, title, build, { ...bars, ...tolerances });
}

const device = useDevice(openWebGpuDevice);

test("the adapter of the tests has 16-bit floats", () => {
  expect(device().info.features).toContain("shader-f16");
});

describe("moving", () => {
  const lengths = [1, 2, 3, 257, 258, 260, 4104];
  testKernelCases(device, [
    ...lengths.map((n) =>
      kernelCase("copy", `${n} halves`, () => ({ src: half(n, n), dst: halfOutput(n) })),
    ),
    ...lengths.map((n) =>
      halfCase("fill", `${n} halves of -0.1`, () => ({ dst: halfOutput(n), value: -0.1 })),
    ),
    ...tableCases("move", "f16"),
    halfCase("augment", "images to halves", () => ({
      ...{ n: 5, h: 5, w: 7, channels: 3, pad: 2, flip: true },
      images: words(1, Math.ceil((5 * 5 * 7 * 3) / 4)),
      out: halfOutput(5 * 5 * 7 * 4),
      state: words(2, 4),
      ...{ mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] },
    })),
  ]);
});

describe("elementwise", () => {
  type Operand = readonly [array: Float64Array, strides: readonly number[]];
  const call = (
    kernel: HostCall<"elementwise">["kernel"],
    shape: readonly number[],
    inputs: readonly Operand[],
    out: Float64Array,
  ): HostCall<"elementwise"> => ({
    ...{ kernel, shape, out },
    inputs: inputs.map(([slice, strides]) => ({ slice, strides })),
    scalars: [0.25, 1.25],
  });
  const sizes = [1, 3, 257, 4100];
  testKernelCases(device, [
    ...sizes.flatMap((n) => [
      halfCase("elementwise", `f32 to f16 of ${n}`, () =>
        call("cast", [n], [[uniform(1, n), [1]]], halfOutput(n)),
      ),
      kernelCase(
        "elementwise",
        `f16 to f32 of ${n} is exact`,
        () => call("cast", [n], [[half(1, n), [1]]], output(n)),
        { out: exact },
      ),
      halfCase("elementwise", `gelu of ${n}`, () =>
        call("gelu", [n], [[half(1, n, -3, 3), [1]]], halfOutput(n)),
      ),
      halfCase("elementwise", `relu's gradient of ${n}`, () =>
        call("relu.d0", [n], [[half(4, n), [1]], [half(1, n), [1]]], halfOutput(n)),
      ),
      halfCase("elementwise", `f16 + f32 of ${n}`, () =>
        call("add", [n], [[half(1, n), [1]], [uniform(2, n), [1]]], halfOutput(n)),
      ),
    ]),
    halfCase("elementwise", "a scalar", () =>
      call("mul", [5, 7], [[half(1, 35), [7, 1]], [half(2, 1), [0, 0]]], halfOutput(35)),
    ),
    halfCase("elementwise", "a row of f32", () =>
      call("sub", [9, 12], [[half(1, 108), [12, 1]], [uniform(2, 12), [0, 1]]], halfOutput(108)),
    ),
    halfCase("elementwise", "a column", () =>
      call("sub", [9, 12], [[half(1, 108), [12, 1]], [half(2, 9), [1, 0]]], halfOutput(108)),
    ),
    kernelCase("elementwise", "a transposed matrix", () =>
      call("sub", [5, 7], [[half(1, 35), [1, 5]], [uniform(2, 7), [0, 1]]], output(35)),
    ),
  ]); // biome-ignore format: one operand a pair

  test("the edges of f16: overflow is infinite, small numbers are subnormal", async () => {
    const values = [65504, 65519, 65520, -1e6, 2 ** -24, 3 * 2 ** -25, Number.NaN, -0];
    const got = await runKernel(
      device(),
      "elementwise",
      call("cast", [8], [[Float64Array.from(values), [1]]], halfOutput(8)),
    );
    expect([...got.out]).toEqual([...halves(values)]);
    expect(halves(values)[2]).toBe(Number.POSITIVE_INFINITY);
    expect(halves(values)[3]).toBe(Number.NEGATIVE_INFINITY);
    expect(halves(values)[4]).toBe(2 ** -24);
  });
});

describe("reductions give f32", () => {
  const extents = [
    [1, 7, 1],
    [3, 257, 5],
    [131, 10, 1],
    [2, 49, 64],
    [1, 4099, 1],
    [1, 300, 516],
  ] as const;
  testKernelCases(
    device,
    extents.flatMap(([outer, reduced, inner]) =>
      (["sum", "mean", "max", "argmax"] as const).map((op) =>
        kernelCase("reduce", `${op} of [${outer}, ${reduced}, ${inner}]`, () => ({
          ...{ op, outer, reduced, inner },
          x: half(1, outer * reduced * inner),
          out: op === "argmax" ? outputWords(outer * inner) : output(outer * inner),
        })),
      ),
    ),
  );
});

describe("pooling", () => {
  const shapes = [
    poolShape([1, 9, 11, 5], [3, 3], { stride: [2, 2], pad: [1, 1] }),
    poolShape([2, 8, 6, 4], [3, 3], { pad: [1, 1] }),
  ];
  testKernelCases(
    device,
    shapes.flatMap((s) =>
      (["max", "avg"] as const).flatMap((op) => {
        const x = () => halves(gridded(1, s.n * s.h * s.w * s.c, -2, 2, 0.25));
        const outs = s.n * s.outH * s.outW * s.c;
        return [
          halfCase("pool2d", `${op}, ${s.c} channels`, () => ({
            ...{ op, shape: s, x: x(), out: halfOutput(outs) },
          })),
          halfCase("pool2dBackward", `gradient of ${op}, ${s.c} channels`, () => ({
            ...{ op, shape: s, x: x(), dy: half(2, outs), dx: halfOutput(x().length) },
          })),
        ];
      }),
    ),
  );
});

describe("batch norm", () => {
  const forward = (rows: number, channels: number, fused: boolean): HostCall<"batchNorm"> => ({
    ...{ rows, channels, relu: fused, momentum: 0.1, eps: 1e-5 },
    x: half(1, rows * channels, -1, 2),
    gamma: uniform(2, channels, 0.5, 2),
    beta: uniform(3, channels),
    runningMean: uniform(4, channels),
    runningVar: uniform(5, channels, 0.5, 2),
    residual: fused ? half(6, rows * channels) : null,
    mean: output(channels),
    invStd: output(channels),
    out: halfOutput(rows * channels),
  });
  const backward = (
    rows: number,
    channels: number,
    fused: boolean,
  ): HostCall<"batchNormBackward"> => {
    const pass = forward(rows, channels, fused);
    references.batchNorm(pass);
    return {
      ...{ rows, channels, relu: fused, training: true },
      x: pass.x,
      y: fused ? halves(pass.out) : null,
      dy: half(7, rows * channels),
      gamma: pass.gamma,
      mean: Float64Array.from(pass.mean, Math.fround),
      invStd: Float64Array.from(pass.invStd, Math.fround),
      dx: halfOutput(rows * channels),
      dgamma: output(channels),
      dbeta: output(channels),
      dresidual: fused ? halfOutput(rows * channels) : null,
    };
  };
  const sizes = [
    [7, 5],
    [98, 16],
    [4099, 3],
    [131, 33],
    [2049, 64],
  ] as const;
  testKernelCases(
    device,
    sizes.flatMap(([rows, channels]) =>
      [false, true].flatMap((fused) => {
        const title = `[${rows}, ${channels}]${fused ? " + residual, relu" : ""}`;
        return [
          halfCase("batchNorm", title, () => forward(rows, channels, fused)),
          halfCase("batchNormInference", `inference ${title}`, () => {
            const { mean: _, invStd: __, momentum: ___, ...call } = forward(rows, channels, fused);
            return call;
          }),
          halfCase("batchNormBackward", `gradient ${title}`, () => backward(rows, channels, fused)),
        ];
      }),
    ),
  );
});

const matmulCase = (
  [batch, m, n, k]: readonly [number, number, number, number],
  [transA, transB]: readonly [boolean, boolean],
  single = false,
) =>
  halfCase(
    "matmul",
    `${batch} x [${m}, ${k}]${transA ? "^T" : ""} [${k}, ${n}]${transB ? "^T" : ""} to f` +
      (single ? "32" : "16"),
    () => ({
      ...{ batch, m, n, k, transA, transB, batchStrideA: m * k, batchStrideB: k * n },
      a: half(1, batch * m * k),
      b: half(2, batch * k * n),
      bias: single ? null : uniform(3, n),
      out: single ? output(batch * m * n) : halfOutput(batch * m * n),
    }),
  );

const convCases = (s: ReturnType<typeof convShape>) => {
  const x = () => half(1, s.n * s.h * s.w * s.cIn);
  const w = () => half(2, s.kh * s.kw * s.cIn * s.cOut);
  const dy = () => half(3, s.n * s.outH * s.outW * s.cOut);
  const title = `[${product([s.n, s.h, s.w])}, ${s.cIn}] to ${s.cOut}, ${s.kh}x${s.kw}/${s.strideH}`;
  return [
    halfCase("conv2d", title, () => ({
      ...{ x: x(), w: w(), out: halfOutput(dy().length), shape: s },
    })),
    halfCase("conv2dInference", `${title} with an epilogue`, () => ({
      ...{ x: x(), w: w(), out: halfOutput(dy().length), shape: s, relu: true },
      ...{ bias: uniform(4, s.cOut), residual: half(5, dy().length) },
    })),
    halfCase("conv2dInputGrad", `input gradient ${title}`, () => ({
      ...{ dy: dy(), w: w(), dx: halfOutput(x().length), shape: s },
    })),
    // The master weights' gradient is f32.
    halfCase("conv2dWeightGrad", `weight gradient ${title}`, () => ({
      ...{ x: x(), dy: dy(), dw: output(w().length), shape: s },
    })),
  ];
};

describe("GEMMs", () => {
  testKernelCases(device, [
    matmulCase([2, 37, 35, 21], [true, true]),
    matmulCase([1, 5, 3, 1031], [false, false]),
    matmulCase([1, 20, 12, 2048], [true, false]),
    matmulCase([3, 36, 40, 24], [false, true]),
    matmulCase([1, 33, 10, 67], [false, true], true),
    ...convCases(convShape([2, 7, 5, 3], [3, 3, 4], { pad: [1, 1] })),
    ...convCases(convShape([2, 9, 7, 4], [3, 3, 8], { stride: [2, 2], pad: [1, 1] })),
    ...convCases(convShape([3, 6, 7, 33], [1, 1, 16], { stride: [2, 2] })),
    ...convCases(convShape([2, 12, 12, 16], [3, 3, 20], { pad: [1, 1] })),
    ...tableCases("depthwise2d", "f16"),
    ...tableCases("depthwise2dWeightGrad", "f16"),
  ]);
});

/** Every tile loop reads halves: both gradients have layouts of their own. */
describe.each(["registers4x4", "rows32x16", "columns32x32", "tile32", "unrolled8x16"])(
  "%s",
  (name) => {
    const cases = [
      ...convCases(convShape([2, 9, 7, 12], [3, 3, 20], { stride: [2, 1], pad: [1, 1] })),
      matmulCase([2, 37, 35, 21], [true, true]),
    ];
    test("on halves", slow, async () => {
      const forced = await openWebGpuDevice({ variants: { "*": name, convolution: "direct" } });
      try {
        for (const { check } of cases) await check(forced);
      } finally {
        await forced.destroy();
      }
    });
  },
);

test("Winograd's convolution keeps its transforms in f32", slow, async () => {
  const forced = await openWebGpuDevice({ variants: { convolution: "winograd" } });
  try {
    for (const s of [
      convShape([2, 9, 10, 8], [3, 3, 12], { pad: [1, 1] }),
      convShape([2, 7, 5, 3], [3, 3, 5], { pad: [0, 2] }),
    ]) {
      for (const { check } of convCases(s)) await check(forced);
    }
  } finally {
    await forced.destroy();
  }
});

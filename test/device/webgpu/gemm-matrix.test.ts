import { describe, expect, test } from "vitest";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import {
  defaultVariant,
  type GemmAdapter,
  gemmVariants,
  plausibleVariants,
  variantsFor,
} from "../../../src/device/webgpu/gemm-variants.js";
import { HalfArray, halves } from "../../support/half.js";
import { kernelCase } from "../../support/kernel-case.js";
import { output, uniform } from "../../support/random.js";
import { convShape } from "../../support/shapes.js";

const half = (seed: number, length: number) => halves(uniform(seed, length));
const halfOutput = (length: number) => new HalfArray(length).fill(12344);
/** Products of halves are exact in f32; what is left is the order of their sums. */
const bar = { kind: "norm", bar: 2e-6 } as const;

const matmul = (
  [batch, m, n, k]: readonly [number, number, number, number],
  [transA, transB]: readonly [boolean, boolean],
) =>
  kernelCase(
    "matmul",
    `${batch} x [${m}, ${k}]${transA ? "^T" : ""} [${k}, ${n}]${transB ? "^T" : ""}`,
    () => ({
      ...{ batch, m, n, k, transA, transB, batchStrideA: m * k, batchStrideB: k * n },
      a: half(1, batch * m * k),
      b: half(2, batch * k * n),
      bias: uniform(3, n),
      out: output(batch * m * n),
    }),
    { out: bar },
  );

/** Halves out are rounded; f32 out is not. */
const rounded = { kind: "norm", bar: 2 ** -11 } as const;

const convolutions = (s: ReturnType<typeof convShape>) => {
  const x = () => half(1, s.n * s.h * s.w * s.cIn);
  const w = () => half(2, s.kh * s.kw * s.cIn * s.cOut);
  const dy = () => half(3, s.n * s.outH * s.outW * s.cOut);
  const title = `${s.h}x${s.w}x${s.cIn} to ${s.cOut}`;
  const out = () => halfOutput(dy().length);
  const dx = () => halfOutput(x().length);
  return [
    kernelCase("conv2d", title, () => ({ x: x(), w: w(), out: out(), shape: s }), { out: rounded }),
    kernelCase("conv2dInputGrad", title, () => ({ dy: dy(), w: w(), dx: dx(), shape: s }), {
      dx: rounded,
    }),
    kernelCase(
      "conv2dWeightGrad",
      title,
      () => ({ x: x(), dy: dy(), dw: output(w().length), shape: s }),
      { dw: bar },
    ),
  ];
};

const cases = [
  matmul([1, 72, 84, 100], [false, false]),
  matmul([2, 37, 35, 21], [false, true]),
  matmul([2, 37, 35, 21], [true, false]),
  matmul([1, 36, 20, 44], [true, true]),
  ...convolutions(convShape([3, 9, 15, 12], [3, 3, 76], { stride: [2, 1], pad: [1, 1] })),
];

/** Among software adapters lavapipe has matrix units from Mesa 26 on; elsewhere nothing can run. */
test("matrix variants are right wherever the adapter has them, and only there", async () => {
  const options = { subgroupMatrices: true };
  const plain = await openWebGpuDevice(options);
  const { traits, info } = plain;
  await plain.destroy();
  const names = variantsFor(traits, "f16").filter((name) => gemmVariants[name].loop === "matrix");
  const has = info.features.includes("chromium-experimental-subgroup-matrix");
  expect(names.length > 0).toBe(has);
  for (const name of names) {
    const variants = { "*": name, convolution: "direct" };
    const forced = await openWebGpuDevice({ ...options, variants });
    try {
      for (const { check } of cases) await check(forced);
    } finally {
      await forced.destroy();
    }
  }
}, 600_000);

/** What NVIDIA's cards tell of themselves through Vulkan. */
const card: GemmAdapter = {
  software: false,
  subgroupSize: 32,
  subgroupMatrices: ["f16 16x16x16", "f16 16x8x16", "f16 16x8x8"],
  maxWorkgroupStorageBytes: 49_152,
  maxWorkgroupInvocations: 1024,
};

describe("what runs untuned", () => {
  const large = { m: 32_768, n: 128, k: 1152, count: 1 };

  test("halves go to the matrix units, f32 does not", () => {
    expect(defaultVariant(card, { ...large, type: "f16" })).toBe("matrices128of16");
    expect(defaultVariant(card, large)).toBe("tile128");
  });

  test("few tiles take a smaller variant, tiny matrices none", () => {
    expect(defaultVariant(card, { ...large, m: 64, type: "f16" })).toBe("matrices32of16");
    expect(defaultVariant(card, { ...large, n: 10, type: "f16" })).toBe("tile32deep");
  });

  test("a card without the feature, or in a browser's default limits, has none", () => {
    const half = { ...large, type: "f16" } as const;
    expect(defaultVariant({ ...card, subgroupMatrices: [] }, half)).toBe("tile128");
    const small = { ...card, maxWorkgroupStorageBytes: 16_384 };
    expect(defaultVariant(small, half)).toBe("matrices32of16");
  });

  test("tuning measures both kinds", () => {
    const names = plausibleVariants(card, { ...large, type: "f16" });
    expect(names).toContain("matrices64of16");
    expect(names).toContain("tile64");
    expect(names).not.toContain("matrices64of8");
    expect(plausibleVariants(card, large)).not.toContain("matrices64of16");
  });
});

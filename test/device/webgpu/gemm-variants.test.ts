import { afterEach, describe, expect, test } from "vitest";
import { openWebGpuDevice, type WebGpuDevice } from "../../../src/device/webgpu/device.js";
import {
  defaultVariant,
  gemmVariants,
  plausibleVariants,
  variantsFor,
} from "../../../src/device/webgpu/gemm-variants.js";
import type { TuneStore } from "../../../src/device/webgpu/tune-store.js";
import { runKernel } from "../../support/host-call.js";
import { kernelCase } from "../../support/kernel-case.js";
import { output, uniform } from "../../support/random.js";
import { convShape } from "../../support/shapes.js";

/** Room for a cold compiler on a busy machine. */
const slow = { timeout: 600_000 };
const bar = { kind: "norm", bar: 2e-6 } as const;

const lavapipe = {
  software: true,
  subgroupSize: 8,
  subgroupMatrices: [],
  maxWorkgroupStorageBytes: 32768,
  maxWorkgroupInvocations: 1024,
};
const swiftShader = { ...lavapipe, subgroupSize: 4, maxWorkgroupInvocations: 256 };
const browser = {
  software: false,
  subgroupSize: 0,
  subgroupMatrices: [],
  maxWorkgroupStorageBytes: 16384,
  maxWorkgroupInvocations: 256,
};

let device: WebGpuDevice | undefined;
async function open(variants: Readonly<Record<string, string>>): Promise<WebGpuDevice> {
  device = await openWebGpuDevice({ variants });
  return device;
}
afterEach(async () => {
  await device?.destroy();
  device = undefined;
});

const convCases = (s: ReturnType<typeof convShape>) => {
  const x = () => uniform(1, s.n * s.h * s.w * s.cIn);
  const w = () => uniform(2, s.kh * s.kw * s.cIn * s.cOut);
  const dy = () => uniform(3, s.n * s.outH * s.outW * s.cOut);
  const out = (like: () => Float64Array) => output(like().length);
  return [
    kernelCase("conv2d", "", () => ({ x: x(), w: w(), out: out(dy), shape: s }), { out: bar }),
    kernelCase(
      "conv2dInference",
      "",
      () => ({
        ...{ x: x(), w: w(), out: out(dy), shape: s, relu: true },
        ...{ bias: uniform(4, s.cOut), residual: dy() },
      }),
      { out: bar },
    ),
    kernelCase("conv2dInputGrad", "", () => ({ dy: dy(), w: w(), dx: out(x), shape: s }), {
      dx: bar,
    }),
    kernelCase("conv2dWeightGrad", "", () => ({ x: x(), dy: dy(), dw: out(w), shape: s }), {
      dw: bar,
    }),
  ];
};

/** Both sides longer than most tiles and no multiple of them; each gradient has its own layout. */
const strided = convCases(convShape([3, 9, 15, 12], [3, 3, 76], { stride: [2, 1], pad: [1, 1] }));
const odd = kernelCase(
  "matmul",
  "",
  () => ({
    a: uniform(1, 2 * 37 * 21),
    b: uniform(2, 2 * 21 * 35),
    bias: uniform(3, 35),
    out: output(2 * 37 * 35),
    ...{ batch: 2, m: 37, n: 35, k: 21, transA: true, transB: true },
    ...{ batchStrideA: 37 * 21, batchStrideB: 21 * 35 },
  }),
  { out: bar },
);

test.each(variantsFor(lavapipe))("%s convolves", slow, async (name) => {
  const on = await open({ "*": name, convolution: "direct" });
  await strided[0]?.check(on);
});

const loops = ["registers4x4", "rows32x16", "columns32x32", "tile32", "unrolled8x16"];
describe.each(loops)("%s", (name) => {
  test("in the layouts of both gradients", slow, async () => {
    const on = await open({ "*": name, convolution: "direct" });
    for (const { check } of strided.slice(1)) await check(on);
  });

  test("on sides that no vector divides", slow, async () => {
    await odd.check(await open({ "*": name }));
  });
});

describe("Winograd's convolution", () => {
  test.each([
    convShape([2, 9, 10, 8], [3, 3, 12], { pad: [1, 1] }),
    convShape([2, 7, 5, 3], [3, 3, 5], { pad: [0, 2] }),
    convShape([1, 3, 4, 4], [3, 3, 8]),
  ])("$h x $w x $cIn to $cOut, padding $padH x $padW", slow, async (shape) => {
    const on = await open({ convolution: "winograd" });
    for (const { check } of convCases(shape)) await check(on);
  });
});

test("a forced variant that the adapter lacks is an error that lists what it has", async () => {
  const on = await open({ "*": "tile33" });
  await expect(runKernel(on, "conv2d", strided[0]?.build() as never)).rejects.toThrow(
    /cannot run the variant "tile33"; it has: .*tile32/,
  );
});

test("what a browser may run by default stays within core limits", () => {
  for (const name of variantsFor(browser)) {
    expect(gemmVariants[name].loop).not.toBe("subgroup");
    expect(gemmVariants[name].memory).toBeLessThanOrEqual(16384);
    expect(gemmVariants[name].invocations).toBeLessThanOrEqual(256);
  }
  expect(defaultVariant(browser, { m: 4096, n: 4096, k: 64, count: 1 })).toBe("tile128");
  expect(defaultVariant(browser, { m: 33, n: 9, k: 64, count: 1 })).toBe("tile32deep");
  expect(plausibleVariants(lavapipe, { m: 4096, n: 9, k: 64, count: 1 })).toEqual([
    "rows32x16",
    "rows64x16",
  ]);
});

test("SwiftShader runs unrolled code, and tuning looks at nothing else", () => {
  const sizes = [4, 9, 64].map((n) => ({ m: 1024, n, k: 36, count: 1 }));
  for (const size of sizes) {
    expect(plausibleVariants(swiftShader, size)).toContain(defaultVariant(swiftShader, size));
    for (const name of plausibleVariants(swiftShader, size)) {
      expect(gemmVariants[name].loop).toBe("unrolled");
    }
  }
});

test("tuning measures once, explains itself and remembers", slow, async () => {
  let text: string | null = null;
  const store: TuneStore = {
    load: async () => text,
    update: async (change) => {
      text = change(text);
    },
  };
  const on = await open({});
  const slice = (length: number) => ({
    storage: on.allocate(4 * length, "operand"),
    offset: 0,
    length,
  });
  const call = {
    ...{ a: slice(40 * 24), b: slice(24 * 20), bias: null, out: slice(40 * 20) },
    ...{ batch: 1, m: 40, n: 20, k: 24, transA: false, transB: false },
    ...{ batchStrideA: 0, batchStrideB: 0 },
  };
  const lines: string[] = [];
  const options = { store, rounds: 1, log: (line: string) => lines.push(line) };
  const [first] = await on.tune(() => on.run("matmul", call), options);
  expect(Object.keys(first?.ms ?? {})).toEqual(
    plausibleVariants(lavapipe, { m: 40, n: 20, k: 24, count: 1 }),
  );
  expect(lines[0]).toContain(`: ${first?.chosen}, `);
  const [again] = await on.tune(() => on.run("matmul", call), options);
  expect(again).toMatchObject({ chosen: first?.chosen, ms: {} });
  expect(lines[1]).toContain("measured before");
  await odd.check(on);
});

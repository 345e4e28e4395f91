import { expect, test } from "vitest";
import { create, globals } from "webgpu";
import convText from "../../../shaders/conv2d.wgsl";
import storeText from "../../../shaders/conv2d-store.wgsl";
import matmulText from "../../../shaders/matmul.wgsl";
import { gemmShaders } from "../../../src/device/webgpu/gemm-run.js";
import { type GemmVariant, gemmVariants } from "../../../src/device/webgpu/gemm-variants.js";
import { shaderText } from "../../../src/device/webgpu/pipelines.js";

Object.assign(globalThis, globals);

/**
 * Matrix units of graphics cards are not at hand where the tests run. Dawn's null backend, which runs
 * nothing, takes their WGSL and finds what is wrong in it: types, uniformity, sizes.
 */
const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);

async function openNull(): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("Dawn has no null backend");
  const features = ["shader-f16", "subgroups", "chromium-experimental-subgroup-matrix"];
  return adapter.requestDevice({ requiredFeatures: features as GPUFeatureName[] });
}

async function faultOf(device: GPUDevice, code: string): Promise<string | undefined> {
  device.pushErrorScope("validation");
  device.createShaderModule({ code });
  return (await device.popErrorScope())?.message;
}

const names = Object.keys(gemmVariants) as (keyof typeof gemmVariants)[];
const matrices = names.filter((name) => gemmVariants[name].loop === "matrix");
const loaders = {
  matmul: gemmShaders("matmul", [matmulText]),
  conv2d: gemmShaders("conv2d", [convText, storeText]),
};

const codeOf = (
  variant: GemmVariant,
  operation: keyof typeof loaders,
  [alongM, alongK]: readonly [boolean, boolean],
): string =>
  shaderText(loaders[operation].loops.matrix.vec4, {
    ...{ A_ALONG_M: alongM, B_ALONG_K: alongK, TAIL_K: true, HAS_BIAS: true },
    ...{ Operand: "vec4h", Result: "vec4f", Tile: "vec4h", TileElement: "f16" },
    ...variant.constants,
  });

test.each(matrices)("%s is valid in every layout", async (name) => {
  const device = await openNull();
  const variant: GemmVariant = gemmVariants[name];
  for (const operation of ["matmul", "conv2d"] as const) {
    for (const alongM of [false, true]) {
      for (const alongK of [false, true]) {
        expect(await faultOf(device, codeOf(variant, operation, [alongM, alongK]))).toBe(undefined);
      }
    }
  }
  const broken = codeOf(variant, "matmul", [false, false]).replace(
    "subgroupMatrixStore<",
    "store<",
  );
  expect(await faultOf(device, broken)).toContain("error");
  device.destroy();
});

test.each(matrices)("%s fits the workgroup memory it asks for", (name) => {
  const { constants, memory, tileM, tileN, invocations } = gemmVariants[name] as GemmVariant;
  const number = (key: string): number => Number(constants[key]);
  const depth = number("TILE_K");
  // Elements of four bytes, in the layout with the longer lines.
  const lines = Math.max((depth + 8) * tileM, (tileM + 8) * depth);
  const columns = Math.max((depth + 8) * tileN, (tileN + 8) * depth);
  const staged = number("MATRIX_M") * number("MATRIX_N") * (invocations / number("LANES"));
  expect(4 * (lines + columns + staged)).toBeLessThanOrEqual(memory);
  for (const side of [tileM, tileN]) expect((side * depth) % (4 * invocations)).toBe(0);
});

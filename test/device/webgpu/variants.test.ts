import { expect, test } from "vitest";
import type { VariantNotes } from "../../../src/device/choices.js";
import { openCpuDevice } from "../../../src/device/cpu/open.js";
import type { Device } from "../../../src/device/device.js";
import { DeviceError } from "../../../src/device/errors.js";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { conv2d } from "../../../src/ops/conv2d.js";
import { matmul } from "../../../src/ops/matmul.js";
import { empty, tensor } from "../../../src/tensor/create.js";
import { useDevice } from "../../support/devices.js";

const forced = { matmul: "tile32", "*": "registers4x4" };
const device = useDevice(() => openWebGpuDevice({ variants: forced }));

/** Nothing is computed: what an operand holds does not matter. */
const operand = (...shape: number[]) => empty(device(), shape);
const product = () => matmul(operand(30, 20), operand(20, 12));
const convolution = () => conv2d(operand(3, 8, 8, 5), operand(3, 3, 5, 7), { padding: 1 });

const matmulClass = "matmul nn 32x16x32x1";
const convClass = "convolution conv2d 3x8x8 5-7";

/** What is noted of the bodies' calls. */
function noted(...bodies: (() => unknown)[]): Record<string, unknown> {
  using notes: VariantNotes = device().noteVariants();
  device()
    .capture(() => {
      for (const body of bodies) body();
    })
    .release();
  return Object.fromEntries(notes.ran);
}

test("what runs is noted beside the preset, from the call until the end of the notes", () => {
  const notes = device().noteVariants();
  expect(noted(product, convolution)).toEqual({
    [matmulClass]: { variant: "tile32", preset: "rows32x16" },
    [convClass]: { variant: "direct", preset: "direct" },
    "conv2d nn odd 256x8x64x1": { variant: "registers4x4", preset: "rows32x16" },
  });
  expect(notes.ran.size).toBe(3);
  notes[Symbol.dispose]();
  noted(() => matmul(operand(5, 6), operand(6, 7)));
  expect(notes.ran.size).toBe(3);
});

test("variants in use take the place of all others until they are given back", () => {
  const outer = device().useVariants({ [convClass]: "winograd" });
  expect(noted(product, convolution)).toMatchObject({
    [matmulClass]: { variant: "rows32x16", preset: "rows32x16" },
    [convClass]: { variant: "winograd", preset: "direct" },
  });
  const inner = device().useVariants({ [matmulClass]: "columns32x32" });
  expect(noted(product)).toMatchObject({ [matmulClass]: { variant: "columns32x32" } });
  expect(device().choices(product)).toMatchObject([{ variant: "columns32x32", reason: "forced" }]);
  inner[Symbol.dispose]();
  expect(noted(convolution)).toMatchObject({ [convClass]: { variant: "winograd" } });
  outer[Symbol.dispose]();
  expect(noted(product)).toMatchObject({ [matmulClass]: { variant: "tile32" } });
});

test("a variant that the device does not have is an error, for products and convolutions", () => {
  {
    using _ = device().useVariants({ [matmulClass]: "tile33", [convClass]: "fourier" });
    expect(() => noted(product)).toThrow(DeviceError);
    expect(() => noted(product)).toThrow(/cannot run the variant "tile33"; it has: .*tile32/);
    expect(() => noted(convolution)).toThrow(DeviceError);
    expect(() => noted(convolution)).toThrow('no variant "fourier"; it has: direct, winograd');
  }
  expect(noted(product)).toMatchObject({ [matmulClass]: { variant: "tile32" } });
});

test("the CPU device has none: it chooses by shape alone", async () => {
  const cpu: Device = await openCpuDevice();
  using notes = cpu.noteVariants();
  using _ = cpu.useVariants({ [matmulClass]: "tile33" });
  const [a, b] = [tensor(cpu, [1, 2, 3, 4, 5, 6], [2, 3]), tensor(cpu, [1, -1, 0.5], [3, 1])];
  expect([...(await matmul(a, b).read())]).toEqual([0.5, 2]);
  expect(notes.ran.size).toBe(0);
  await cpu.destroy();
});

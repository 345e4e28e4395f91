import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ConvVariant,
  convVariant,
  withConvVariant,
} from "../../../src/device/cpu/conv-variant.js";
import type { CpuDevice } from "../../../src/device/cpu/device.js";
import { openCpuDevice } from "../../../src/device/cpu/open.js";
import type { Conv2dShape } from "../../../src/device/kernels/conv2d-call.js";
import type { KernelCalls } from "../../../src/device/kernels.js";
import type { Slice } from "../../../src/device/storage.js";
import { conv2d, conv2dInputGrad, conv2dWeightGrad } from "../../reference/conv2d.js";
import { normRelativeError } from "../../support/compare.js";
import { readFloats, upload } from "../../support/devices.js";
import { output, uniform } from "../../support/random.js";

const square = (
  [n, h, w, cIn, cOut]: readonly [number, number, number, number, number],
  [padH, padW]: readonly [number, number] = [1, 1],
  [kh, kw, strideH, strideW]: readonly [number, number, number, number] = [3, 3, 1, 1],
): Conv2dShape => ({
  ...{ n, h, w, cIn, cOut, kh, kw, strideH, strideW, padH, padW },
  outH: Math.floor((h + 2 * padH - kh) / strideH) + 1,
  outW: Math.floor((w + 2 * padW - kw) / strideW) + 1,
});

/** Stride 1: every variant. The comments say which schedule of assembly/winograd-*.ts a shape takes. */
const shapes: readonly Conv2dShape[] = [
  square([3, 7, 9, 8, 12]),
  square([2, 5, 6, 20, 4], [0, 0]),
  square([2, 9, 5, 12, 28], [2, 1]),
  square([3, 6, 7, 4, 16], [0, 2]),
  square([1, 1, 2, 8, 8]),
  // Many tiles: blocks of tiles forward, chunks in the weight gradient, the last one cut short.
  square([6, 25, 31, 16, 12]),
  // More channels than a block, few tiles: "channels" forward, "blocks" in the weight gradient.
  square([2, 5, 6, 140, 36]),
  // "channels" with more tiles than a block, "chunks" with wide channels.
  square([2, 33, 30, 68, 64]),
];

/** Measured: gemm 6e-7, winograd2 5e-7, winograd4 3e-6 at worst. */
const bars = { gemm: 1e-6, winograd2: 1e-6, winograd4: 1e-5 } as const;

const title = (s: Conv2dShape): string =>
  `[${s.n}, ${s.h}, ${s.w}, ${s.cIn}] by [${s.kh}, ${s.kw}, ${s.cIn}, ${s.cOut}], ` +
  `stride ${s.strideH}, ${s.strideW}, padding ${s.padH}, ${s.padW}`;

interface Results {
  out: Float32Array;
  dx: Float32Array;
  dw: Float32Array;
}

function inputs(shape: Conv2dShape) {
  const x = uniform(1, shape.n * shape.h * shape.w * shape.cIn);
  const w = uniform(2, shape.kh * shape.kw * shape.cIn * shape.cOut);
  const dy = uniform(3, shape.n * shape.outH * shape.outW * shape.cOut);
  return { x, w, dy };
}

async function compute(device: CpuDevice, variant: ConvVariant, s: Conv2dShape): Promise<Results> {
  const host = inputs(s);
  const slices: Slice[] = [];
  const put = (data: Float64Array): Slice => {
    const slice = upload(device, data);
    slices.push(slice);
    return slice;
  };
  const [x, w, dy] = [put(host.x), put(host.w), put(host.dy)];
  const forward: KernelCalls["conv2d"] = { x, w, out: put(output(host.dy.length)), shape: s };
  const inputGrad: KernelCalls["conv2dInputGrad"] = {
    ...{ dy, w, dx: put(output(host.x.length)), shape: s },
  };
  const weightGrad: KernelCalls["conv2dWeightGrad"] = {
    ...{ x, dy, dw: put(output(host.w.length)), shape: s },
  };
  withConvVariant(variant, () => {
    device.run("conv2d", forward);
    device.run("conv2dInputGrad", inputGrad);
    device.run("conv2dWeightGrad", weightGrad);
  });
  const results = {
    out: await readFloats(device, forward.out),
    dx: await readFloats(device, inputGrad.dx),
    dw: await readFloats(device, weightGrad.dw),
  };
  for (const { storage } of slices) device.release(storage);
  return results;
}

function reference(shape: Conv2dShape): Record<keyof Results, Float64Array> {
  const { x, w, dy } = inputs(shape);
  const expected = { out: output(dy.length), dx: output(x.length), dw: output(w.length) };
  conv2d({ x, w, out: expected.out, shape });
  conv2dInputGrad({ dy, w, dx: expected.dx, shape });
  conv2dWeightGrad({ x, dy, dw: expected.dw, shape });
  return expected;
}

describe("convolution variants of the CPU device", () => {
  const opened: CpuDevice[] = [];
  beforeAll(async () => {
    for (const threads of [1, 3]) opened.push(await openCpuDevice({ threads }));
  });
  afterAll(async () => {
    for (const device of opened) await device.destroy();
  });

  async function check(variants: readonly ConvVariant[], shape: Conv2dShape): Promise<void> {
    const expected = reference(shape);
    for (const variant of variants) {
      const [one, three] = await Promise.all(
        opened.map((device) => compute(device, variant, shape)),
      );
      if (!one || !three) throw new Error("two devices are open");
      for (const name of ["out", "dx", "dw"] as const) {
        const error = normRelativeError(Float64Array.from(one[name]), expected[name]);
        expect(error, `${variant}, ${name}`).toBeLessThan(bars[variant]);
        const equal = three[name].every((value, i) => value === one[name][i]);
        expect(equal, `${variant}, ${name}: 3 threads give the bits of 1`).toBe(true);
      }
    }
  }

  test.each(shapes.map((shape) => ({ shape, name: title(shape) })))("$name", ({ shape }) =>
    check(["gemm", "winograd2", "winograd4"], shape),
  );

  const general: readonly Conv2dShape[] = [
    square([3, 9, 11, 12, 20], [1, 1], [3, 3, 2, 2]),
    square([2, 10, 7, 5, 7], [1, 0], [3, 1, 2, 1]),
    square([3, 9, 9, 8, 12], [0, 0], [1, 1, 2, 2]),
    square([2, 12, 13, 3, 9], [3, 2], [7, 5, 3, 2]),
    square([2, 7, 5, 6, 10], [3, 4], [3, 3, 1, 1]),
    square([2, 3, 3, 520, 12], [1, 1], [3, 3, 1, 1]),
    square([7, 29, 31, 4, 9], [1, 1], [2, 3, 1, 1]),
  ];
  test.each(general.map((shape) => ({ shape, name: title(shape) })))("gemm: $name", ({ shape }) =>
    check(["gemm"], shape),
  );
});

test("ResNet's stride-1 layers go by tiles of 4x4, the others by GEMM", () => {
  for (const pass of ["forward", "inputGrad", "weightGrad"] as const) {
    for (const [c, h] of [
      ...([
        [16, 32],
        [32, 16],
        [64, 8],
        [128, 4],
      ] as const),
      ...([
        [64, 32],
        [128, 16],
        [256, 8],
        [512, 4],
      ] as const),
    ]) {
      expect(convVariant(pass, square([16, h, h, c, c])), `${c} channels`).toBe("winograd4");
    }
    expect(convVariant(pass, square([16, 16, 16, 64, 128], [1, 1], [3, 3, 2, 2]))).toBe("gemm");
    expect(convVariant(pass, square([16, 16, 16, 64, 64], [0, 0], [1, 1, 1, 1]))).toBe("gemm");
    // A 4x4 tile of a 2x2 image would be three quarters waste.
    expect(convVariant(pass, square([16, 2, 2, 64, 64]))).toBe("winograd2");
  }
});

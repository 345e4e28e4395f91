import { test } from "vitest";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { kernelCase } from "../../support/kernel-case.js";
import { output, uniform } from "../../support/random.js";
import { convShape } from "../../support/shapes.js";

const shape = convShape([3, 9, 11, 4], [3, 3, 8], { stride: [2, 2], pad: [1, 1] });
const sizes = {
  x: shape.n * shape.h * shape.w * shape.cIn,
  w: shape.kh * shape.kw * shape.cIn * shape.cOut,
  y: shape.n * shape.outH * shape.outW * shape.cOut,
};

/** For the loop that graphics cards run by default, and no other test reaches on software. */
const cases = [
  kernelCase("matmul", "matmul", () => ({
    a: uniform(1, 131 * 75),
    b: uniform(2, 75 * 137),
    bias: uniform(3, 137),
    out: output(131 * 137),
    ...{ batch: 1, m: 131, n: 137, k: 75 },
    ...{ transA: false, transB: true, batchStrideA: 0, batchStrideB: 0 },
  })),
  kernelCase("conv2d", "conv2d", () => ({
    x: uniform(1, sizes.x),
    w: uniform(2, sizes.w),
    out: output(sizes.y),
    shape,
  })),
  kernelCase("conv2dWeightGrad", "conv2dWeightGrad", () => ({
    x: uniform(1, sizes.x),
    dy: uniform(2, sizes.y),
    dw: output(sizes.w),
    shape,
  })),
];

test("the tile loop through workgroup memory", { timeout: 120_000 }, async () => {
  const device = await openWebGpuDevice({ variants: { "*": "tile32deep" } });
  try {
    for (const { check } of cases) await check(device);
  } finally {
    await device.destroy();
  }
});

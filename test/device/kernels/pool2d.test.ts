import type { Pool2dShape } from "../../../src/device/kernels/pool2d.js";
import { describeOnDevices } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { gridded, output, uniform } from "../../support/random.js";
import { poolShape } from "../../support/shapes.js";

const shapes: readonly Pool2dShape[] = [
  poolShape([1, 1, 1, 1], [1, 1]),
  poolShape([2, 7, 5, 3], [2, 2], { stride: [2, 2] }),
  poolShape([1, 9, 11, 5], [3, 3], { stride: [2, 2], pad: [1, 1] }),
  poolShape([2, 8, 6, 4], [3, 3], { pad: [1, 1] }),
  poolShape([1, 13, 7, 33], [3, 2], { stride: [1, 2], pad: [1, 0] }),
  poolShape([3, 4, 4, 64], [4, 4], { stride: [4, 4] }),
  poolShape([2, 10, 9, 16], [5, 5], { stride: [3, 3], pad: [2, 2] }),
  poolShape([5, 17, 19, 3], [2, 3], { stride: [3, 1] }),
];

const title = (op: string, s: Pool2dShape, note: string): string =>
  `${op} of [${s.n}, ${s.h}, ${s.w}, ${s.c}], window ${s.kh}x${s.kw}, ` +
  `stride ${s.strideH}x${s.strideW}, padding ${s.padH}x${s.padW}${note}`;

const draws = [
  { note: "", draw: (n: number) => uniform(1, n) },
  // All below zero, so that padding taken for zeros shows; many ties within a window.
  { note: ", ties, all negative", draw: (n: number) => gridded(1, n, -2, -1, 0.25) },
];

const cases = (["max", "avg"] as const).flatMap((op) =>
  shapes.flatMap((shape) =>
    draws.flatMap(({ note, draw }) => [
      kernelCase("pool2d", title(op, shape, note), () => ({
        op,
        x: draw(shape.n * shape.h * shape.w * shape.c),
        out: output(shape.n * shape.outH * shape.outW * shape.c),
        shape,
      })),
      kernelCase("pool2dBackward", `gradient: ${title(op, shape, note)}`, () => ({
        op,
        x: draw(shape.n * shape.h * shape.w * shape.c),
        dy: uniform(2, shape.n * shape.outH * shape.outW * shape.c),
        dx: output(shape.n * shape.h * shape.w * shape.c),
        shape,
      })),
    ]),
  ),
);

describeOnDevices("pool2d", (device) => testKernelCases(device, cases));

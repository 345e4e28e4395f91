import type { DepthwiseShape } from "../../device/kernels/depthwise.js";
import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import type { CasesOf } from "./table.js";

/** Odd sides and pads, also negative ones; channels below and above the CPU's block of 16. */
const shapes: readonly DepthwiseShape[] = [
  shape([2, 7, 5, 3], [3, 3], { pads: [1, 1, 1, 1] }),
  shape([1, 9, 11, 20], [5, 3], { stride: [2, 1], pads: [2, 1, 0, 2] }),
  shape([3, 13, 10, 16], [3, 2], { dilation: [2, 3], pads: [0, 3, 2, 0] }),
  shape([1, 14, 15, 4], [7, 7], { stride: [3, 2], pads: [3, 3, 3, 3] }),
  shape([2, 8, 9, 37], [3, 3], { pads: [-1, 2, -2, 1] }),
];

type Pads = readonly [top: number, bottom: number, left: number, right: number];

function shape(
  [n, h, w, c]: readonly [number, number, number, number],
  [kh, kw]: readonly [number, number],
  window: { stride?: readonly number[]; dilation?: readonly number[]; pads: Pads },
): DepthwiseShape {
  const [strideH = 1, strideW = 1] = window.stride ?? [];
  const [dilationH = 1, dilationW = 1] = window.dilation ?? [];
  const [padTop, bottom, padLeft, right] = window.pads;
  const outH = Math.floor((h + padTop + bottom - dilationH * (kh - 1) - 1) / strideH) + 1;
  const outW = Math.floor((w + padLeft + right - dilationW * (kw - 1) - 1) / strideW) + 1;
  const steps = { strideH, strideW, dilationH, dilationW };
  return { n, h, w, c, kh, kw, ...steps, padTop, padLeft, outH, outW };
}

const sizes = (s: DepthwiseShape) => ({
  x: s.n * s.h * s.w * s.c,
  w: s.kh * s.kw * s.c,
  out: s.n * s.outH * s.outW * s.c,
});

const depthwise2d = shapes.map((shape) => (d: Draw): HostCall<"depthwise2d"> => {
  const size = sizes(shape);
  return { shape, x: d.values(size.x), w: d.values(size.w), out: d.result(size.out) };
});

const depthwise2dWeightGrad = shapes.map(
  (shape) =>
    (d: Draw): HostCall<"depthwise2dWeightGrad"> => {
      const size = sizes(shape);
      return { shape, x: d.values(size.x), dy: d.values(size.out), dw: d.floatResult(size.w) };
    },
);

/** Convolutions of each channel alone. */
export const depthwise = { depthwise2d, depthwise2dWeightGrad } satisfies CasesOf;

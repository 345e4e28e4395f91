import type { Conv2dShape } from "../kernels/conv2d-call.js";
import { type Epilogue, noEpilogue } from "./epilogue.js";
import type { Lowering } from "./lowering.js";
import { type Grid, multiplyColumns, multiplyRows, packPanels } from "./matmul-gemm.js";

/** The filter's taps as (i, j) with their offset in the weights, in floats. */
const tapsOf = (s: Conv2dShape): { i: number; j: number; offset: number }[] =>
  Array.from({ length: s.kh * s.kw }, (_, t) => ({
    ...{ i: Math.floor(t / s.kw), j: t % s.kw, offset: t * s.cIn * s.cOut },
  }));

/** Output pixels as points, each reading one input pixel per tap. */
const forwardGrid = (s: Conv2dShape): Grid => ({
  ...{ h: s.outH, w: s.outW, inH: s.h, inW: s.w, strideH: s.strideH, strideW: s.strideW },
  ...{ outH: s.outH, outW: s.outW, outStrideH: 1, outStrideW: 1, outOffsetH: 0, outOffsetW: 0 },
  taps: tapsOf(s).map(({ i, j }) => ({ dy: i - s.padH, dx: j - s.padW })),
});

/** Implicit GEMM: [pixels, kh kw cIn] x [kh kw cIn, cOut], patches packed straight into panels. */
export function gemmForward(
  lowering: Lowering,
  s: Conv2dShape,
  x: number,
  w: number,
  out: number,
  epilogue: Epilogue,
): void {
  const [n, k] = [s.cOut, s.cIn];
  const taps = tapsOf(s).map(({ offset }) => offset);
  const packed = packPanels(lowering, w, { groups: 1, stride: 0, n, k, transposed: false, taps });
  const sides = { x, packed, epilogue, out, batch: 1, strideX: 0, strideOut: 0 };
  multiplyRows(lowering, { ...sides, rows: s.n * s.outH * s.outW, n, k, grid: forwardGrid(s) });
}

/**
 * The input gradient by phases: pixels whose (y + padH) mod strideH and (x + padW) mod strideW
 * agree meet the same taps, and for them the gradient is a convolution of dy with stride 1. No
 * zeros are inserted and none multiplied.
 */
export function gemmInputGrad(
  lowering: Lowering,
  s: Conv2dShape,
  dy: number,
  w: number,
  dx: number,
): void {
  const [n, k] = [s.cIn, s.cOut];
  if (s.kh < s.strideH || s.kw < s.strideW) {
    // Some phases meet no tap at all.
    lowering.command("fill", [dx, 0, s.n * s.h * s.w * s.cIn]);
  }
  for (let a = 0; a < Math.min(s.strideH, s.h); a++) {
    for (let b = 0; b < Math.min(s.strideW, s.w); b++) {
      const h = Math.ceil((s.h - a) / s.strideH);
      const width = Math.ceil((s.w - b) / s.strideW);
      // dx[a + strideH y, ...] takes dy[(a + strideH y + padH - i) / strideH, ...].
      const taps = tapsOf(s).filter(
        ({ i, j }) => (a + s.padH - i) % s.strideH === 0 && (b + s.padW - j) % s.strideW === 0,
      );
      const grid: Grid = {
        ...{ h, w: width, inH: s.outH, inW: s.outW, strideH: 1, strideW: 1 },
        ...{ outH: s.h, outW: s.w, outStrideH: s.strideH, outStrideW: s.strideW },
        ...{ outOffsetH: a, outOffsetW: b },
        taps: taps.map(({ i, j }) => ({
          dy: (a + s.padH - i) / s.strideH,
          dx: (b + s.padW - j) / s.strideW,
        })),
      };
      const rows = s.n * h * width;
      if (taps.length === 0) continue;
      const offsets = taps.map(({ offset }) => offset);
      const b0 = { groups: 1, stride: 0, n, k, transposed: true, taps: offsets };
      const packed = packPanels(lowering, w, b0);
      const sides = { x: dy, packed, out: dx, batch: 1, strideX: 0, strideOut: 0 };
      multiplyRows(lowering, { ...sides, epilogue: noEpilogue, rows, n, k, grid });
    }
  }
}

/** [kh kw cIn, pixels] x [pixels, cOut]. */
export function gemmWeightGrad(
  lowering: Lowering,
  s: Conv2dShape,
  x: number,
  dy: number,
  dw: number,
): void {
  const sides = { x, y: dy, bias: 0, out: dw, batch: 1, strideX: 0, strideY: 0 };
  const points = s.n * s.outH * s.outW;
  const sizes = { points, n: s.cOut, k: s.cIn, transposedY: false, grid: forwardGrid(s) };
  multiplyColumns(lowering, { ...sides, ...sizes });
}

import type { Conv2dShape } from "../../device/kernels/conv2d-call.js";
import type { Pool2dShape } from "../../device/kernels/pool2d.js";

type Pair = readonly [height: number, width: number];
interface Window {
  stride?: Pair;
  pad?: Pair;
}

/** x [n, h, w, cIn] with kernels [kh, kw, cOut]. */
export function convShape(
  [n, h, w, cIn]: readonly [number, number, number, number],
  [kh, kw, cOut]: readonly [number, number, number],
  window: Window = {},
): Conv2dShape {
  const { c: _, ...spatial } = poolShape([n, h, w, cIn], [kh, kw], window);
  return { ...spatial, cIn, cOut };
}

/** x [n, h, w, c] with windows [kh, kw]. */
export function poolShape(
  [n, h, w, c]: readonly [number, number, number, number],
  [kh, kw]: Pair,
  { stride: [strideH, strideW] = [1, 1], pad: [padH, padW] = [0, 0] }: Window = {},
): Pool2dShape {
  const outH = Math.floor((h + 2 * padH - kh) / strideH) + 1;
  const outW = Math.floor((w + 2 * padW - kw) / strideW) + 1;
  return { n, h, w, c, kh, kw, strideH, strideW, padH, padW, outH, outW };
}

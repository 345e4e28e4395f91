import type { Conv2dShape } from "../../../device/kernels.js";

interface Window {
  readonly stride: readonly [height: number, width: number];
  readonly pad: readonly [height: number, width: number];
}

/** x [n, h, w, cIn] under windows [kh, kw, cOut]. */
export function windowed(
  [n, h, w, cIn]: readonly [number, number, number, number],
  [kh, kw, cOut]: readonly [number, number, number],
  { stride: [strideH, strideW], pad: [padH, padW] }: Window,
): Conv2dShape {
  const outH = Math.floor((h + 2 * padH - kh) / strideH) + 1;
  const outW = Math.floor((w + 2 * padW - kw) / strideW) + 1;
  return { n, h, w, cIn, cOut, kh, kw, strideH, strideW, padH, padW, outH, outW };
}

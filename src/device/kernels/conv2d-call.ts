import type { Slice } from "../storage.js";

export interface Conv2dCalls {
  /** Cross-correlation: out[n,oh,ow,co] = sum x[n, oh*sh-ph+i, ow*sw-pw+j, ci] * w[i,j,ci,co]. */
  conv2d: { x: Slice; w: Slice; out: Slice; shape: Conv2dShape };
  /** Convolution with an epilogue, for inference: out := relu?(conv2d(x, w) + bias + residual?). */
  conv2dInference: {
    x: Slice;
    w: Slice;
    /** [cOut]. */
    bias: Slice;
    /** The shape of out. */
    residual: Slice | null;
    relu: boolean;
    out: Slice;
    shape: Conv2dShape;
  };
  /** dx := gradient of conv2d with respect to x. */
  conv2dInputGrad: { dy: Slice; w: Slice; dx: Slice; shape: Conv2dShape };
  /** dw := gradient of conv2d with respect to w. */
  conv2dWeightGrad: { x: Slice; dy: Slice; dw: Slice; shape: Conv2dShape };
}

/** NHWC activations, HWIO weights; outH = floor((h + 2 padH - kh) / strideH) + 1, outW likewise. */
export interface Conv2dShape {
  n: number;
  h: number;
  w: number;
  cIn: number;
  cOut: number;
  kh: number;
  kw: number;
  strideH: number;
  strideW: number;
  padH: number;
  padW: number;
  outH: number;
  outW: number;
}

/** "16x32x32 16>32 3x3/2": images, height and width; channels; filter and stride. */
export function describeConv(s: Conv2dShape): string {
  const stride = s.strideH === 1 && s.strideW === 1 ? "" : `/${s.strideH}`;
  return `${s.n}x${s.h}x${s.w} ${s.cIn}>${s.cOut} ${s.kh}x${s.kw}${stride}`;
}

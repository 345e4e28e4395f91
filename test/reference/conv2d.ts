import type { Conv2dShape } from "../../src/device/kernels/conv2d-call.js";
import type { HostCall } from "../support/host-call.js";

/** Visits every product x[xi] * w[wi] that is part of out[oi], all channels of a tap together. */
function eachTap(
  s: Conv2dShape,
  visit: (pixelOut: number, pixelIn: number, tap: number) => void,
): void {
  for (let n = 0; n < s.n; n++) {
    for (let oh = 0; oh < s.outH; oh++) {
      for (let ow = 0; ow < s.outW; ow++) {
        for (let i = 0; i < s.kh; i++) {
          for (let j = 0; j < s.kw; j++) {
            const ih = oh * s.strideH - s.padH + i;
            const iw = ow * s.strideW - s.padW + j;
            if (ih < 0 || ih >= s.h || iw < 0 || iw >= s.w) continue;
            visit((n * s.outH + oh) * s.outW + ow, (n * s.h + ih) * s.w + iw, i * s.kw + j);
          }
        }
      }
    }
  }
}

// Inner loops index directly: an index out of range makes NaN, which no comparison lets pass.

export function conv2d({ x, w, out, shape }: HostCall<"conv2d">): void {
  const { cIn, cOut } = shape;
  out.fill(0);
  eachTap(shape, (o, p, tap) => {
    for (let ci = 0; ci < cIn; ci++) {
      const value = x[p * cIn + ci] ?? Number.NaN;
      const row = (tap * cIn + ci) * cOut;
      for (let co = 0; co < cOut; co++) {
        const sum = out[o * cOut + co] ?? Number.NaN;
        out[o * cOut + co] = sum + value * (w[row + co] ?? Number.NaN);
      }
    }
  });
}

export function conv2dInference(call: HostCall<"conv2dInference">): void {
  const { out, bias, residual, relu, shape } = call;
  conv2d(call);
  for (const [i, product] of out.entries()) {
    const beside = residual ? (residual[i] ?? Number.NaN) : 0;
    const y = product + (bias[i % shape.cOut] ?? Number.NaN) + beside;
    out[i] = relu ? Math.max(y, 0) : y;
  }
}

export function conv2dInputGrad({ dy, w, dx, shape }: HostCall<"conv2dInputGrad">): void {
  const { cIn, cOut } = shape;
  dx.fill(0);
  eachTap(shape, (o, p, tap) => {
    for (let ci = 0; ci < cIn; ci++) {
      let sum = dx[p * cIn + ci] ?? Number.NaN;
      const row = (tap * cIn + ci) * cOut;
      for (let co = 0; co < cOut; co++) {
        sum += (dy[o * cOut + co] ?? Number.NaN) * (w[row + co] ?? Number.NaN);
      }
      dx[p * cIn + ci] = sum;
    }
  });
}

export function conv2dWeightGrad({ x, dy, dw, shape }: HostCall<"conv2dWeightGrad">): void {
  const { cIn, cOut } = shape;
  dw.fill(0);
  eachTap(shape, (o, p, tap) => {
    for (let ci = 0; ci < cIn; ci++) {
      const value = x[p * cIn + ci] ?? Number.NaN;
      const row = (tap * cIn + ci) * cOut;
      for (let co = 0; co < cOut; co++) {
        const sum = dw[row + co] ?? Number.NaN;
        dw[row + co] = sum + value * (dy[o * cOut + co] ?? Number.NaN);
      }
    }
  });
}

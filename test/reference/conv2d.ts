import type { Conv2dShape } from "../../src/device/kernels.js";
import type { HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

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

export function conv2d({ x, w, out, shape }: HostCall<"conv2d">): void {
  const { cIn, cOut } = shape;
  out.fill(0);
  eachTap(shape, (o, p, tap) => {
    for (let ci = 0; ci < cIn; ci++) {
      const value = at(x, p * cIn + ci);
      for (let co = 0; co < cOut; co++) {
        const to = o * cOut + co;
        out[to] = at(out, to) + value * at(w, (tap * cIn + ci) * cOut + co);
      }
    }
  });
}

export function conv2dInputGrad({ dy, w, dx, shape }: HostCall<"conv2dInputGrad">): void {
  const { cIn, cOut } = shape;
  dx.fill(0);
  eachTap(shape, (o, p, tap) => {
    for (let ci = 0; ci < cIn; ci++) {
      let sum = at(dx, p * cIn + ci);
      for (let co = 0; co < cOut; co++) {
        sum += at(dy, o * cOut + co) * at(w, (tap * cIn + ci) * cOut + co);
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
      const value = at(x, p * cIn + ci);
      for (let co = 0; co < cOut; co++) {
        const to = (tap * cIn + ci) * cOut + co;
        dw[to] = at(dw, to) + value * at(dy, o * cOut + co);
      }
    }
  });
}

import type { DepthwiseShape } from "../../src/device/kernels/depthwise.js";
import type { HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

/** Visits every product x[xi] * w[wi] that is part of out[oi]. */
function eachProduct(s: DepthwiseShape, visit: (o: number, x: number, w: number) => void): void {
  for (let o = 0; o < s.n * s.outH * s.outW; o++) {
    const [oh, ow] = [Math.floor(o / s.outW) % s.outH, o % s.outW];
    const image = Math.floor(o / (s.outH * s.outW));
    for (let tap = 0; tap < s.kh * s.kw; tap++) {
      const y = oh * s.strideH - s.padTop + Math.floor(tap / s.kw) * s.dilationH;
      const x = ow * s.strideW - s.padLeft + (tap % s.kw) * s.dilationW;
      if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
      const pixel = (image * s.h + y) * s.w + x;
      for (let c = 0; c < s.c; c++) visit(o * s.c + c, pixel * s.c + c, tap * s.c + c);
    }
  }
}

export function depthwise2d({ x, w, out, shape }: HostCall<"depthwise2d">): void {
  out.fill(0);
  eachProduct(shape, (o, xi, wi) => {
    out[o] = at(out, o) + at(x, xi) * at(w, wi);
  });
}

export function depthwise2dWeightGrad(call: HostCall<"depthwise2dWeightGrad">): void {
  const { x, dy, dw, shape } = call;
  dw.fill(0);
  eachProduct(shape, (o, xi, wi) => {
    dw[wi] = at(dw, wi) + at(x, xi) * at(dy, o);
  });
}

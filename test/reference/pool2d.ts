import type { Pool2dShape } from "../../src/device/kernels/pool2d.js";
import type { HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

/** Calls `visit` for each output element with the indices of its window inside the image. */
function eachWindow(s: Pool2dShape, visit: (out: number, window: readonly number[]) => void): void {
  for (let n = 0; n < s.n; n++) {
    for (let oh = 0; oh < s.outH; oh++) {
      for (let ow = 0; ow < s.outW; ow++) {
        for (let c = 0; c < s.c; c++) {
          const window: number[] = [];
          for (let i = 0; i < s.kh; i++) {
            for (let j = 0; j < s.kw; j++) {
              const h = oh * s.strideH - s.padH + i;
              const w = ow * s.strideW - s.padW + j;
              const inside = h >= 0 && h < s.h && w >= 0 && w < s.w;
              if (inside) window.push(((n * s.h + h) * s.w + w) * s.c + c);
            }
          }
          visit(((n * s.outH + oh) * s.outW + ow) * s.c + c, window);
        }
      }
    }
  }
}

/** The first maximum, or the last NaN. */
const winner = (x: HostCall<"pool2d">["x"], window: readonly number[]): number =>
  window.reduce((best, i) => (at(x, i) > at(x, best) || Number.isNaN(at(x, i)) ? i : best));

export function pool2d({ op, x, out, shape }: HostCall<"pool2d">): void {
  eachWindow(shape, (o, window) => {
    const sum = window.reduce((total, i) => total + at(x, i), 0);
    out[o] = op === "avg" ? sum / (shape.kh * shape.kw) : at(x, winner(x, window));
  });
}

export function pool2dBackward({ op, x, dy, dx, shape }: HostCall<"pool2dBackward">): void {
  dx.fill(0);
  eachWindow(shape, (o, window) => {
    const to = op === "avg" ? window : [winner(x, window)];
    const part = op === "avg" ? at(dy, o) / (shape.kh * shape.kw) : at(dy, o);
    for (const i of to) dx[i] = at(dx, i) + part;
  });
}

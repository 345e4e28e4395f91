import { ShapeError } from "../device/errors.js";
import { shown } from "../device/options.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInteger, checkRank, type Pair, pair } from "./arguments.js";

/** One number for all sides, [vertical, horizontal], or [top, bottom, left, right]. */
export type Padding2d = Pair | readonly [top: number, bottom: number, left: number, right: number];

export interface Conv2dOptions {
  /** From one window to the next. Default 1. */
  stride?: Pair;
  /** Zeros added around. Default 0. */
  padding?: Padding2d;
  /** From one element of a window to the next. Default 1. */
  dilation?: Pair;
  /** Groups of channels, each with filters of its own: w is [kh, kw, cIn / groups, cOut]. Default 1. */
  groups?: number;
}

/** All sizes of a convolution. */
export interface Window {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly cIn: number;
  readonly cOut: number;
  readonly kh: number;
  readonly kw: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly pads: readonly [top: number, bottom: number, left: number, right: number];
  readonly groups: number;
  readonly outH: number;
  readonly outW: number;
}

export function windowOf(op: string, x: Tensor, weight: Tensor, options: Conv2dOptions): Window {
  checkRank(op, "x", x, 4, "[n, h, w, cIn]");
  checkRank(op, "the weight", weight, 4, "[kh, kw, cIn / groups, cOut]");
  const [n, h, w, cIn] = x.shape as [number, number, number, number];
  const [kh, kw, perGroup, cOut] = weight.shape as [number, number, number, number];
  const [strideH, strideW] = pair(op, "stride", options.stride ?? 1);
  const [dilationH, dilationW] = pair(op, "dilation", options.dilation ?? 1);
  const pads = sides(op, options.padding ?? 0);
  const { groups = 1 } = options;
  for (const s of [strideH, strideW]) checkInteger(op, "stride", s, 1);
  for (const d of [dilationH, dilationW]) checkInteger(op, "dilation", d, 1);
  for (const p of pads) checkInteger(op, "padding", p, 0);
  checkInteger(op, "groups", groups, 1);
  if (cIn !== perGroup * groups || cIn === 0) {
    throw new ShapeError(
      `${op}: x ${formatShape(x.shape)} has ${cIn} channels, the weight ` +
        `${formatShape(weight.shape)} takes ${perGroup}${groups > 1 ? ` in each of ${groups} groups` : ""}`,
    );
  }
  if (cOut % groups !== 0) {
    throw new ShapeError(
      `${op}: the ${cOut} filters of the weight ${formatShape(weight.shape)} do not divide into ` +
        `${groups} groups`,
    );
  }
  const [top, bottom, left, right] = pads;
  const outH = Math.floor((h + top + bottom - dilationH * (kh - 1) - 1) / strideH) + 1;
  const outW = Math.floor((w + left + right - dilationW * (kw - 1) - 1) / strideW) + 1;
  if (outH < 1 || outW < 1) {
    throw new ShapeError(
      `${op}: a ${kh} x ${kw} kernel${dilationH * dilationW > 1 ? " with dilation" : ""} does not fit ` +
        `into ${h} x ${w} pixels padded by ${shown(options.padding ?? 0)}; use more padding or a ` +
        "smaller kernel",
    );
  }
  const steps = { strideH, strideW, dilationH, dilationW };
  return { n, h, w, cIn, cOut, kh, kw, ...steps, pads, groups, outH, outW };
}

function sides(op: string, padding: Padding2d): Window["pads"] {
  if (Array.isArray(padding) && padding.length === 4) return padding as unknown as Window["pads"];
  const [vertical, horizontal] = pair(op, "padding", padding as Pair);
  return [vertical, vertical, horizontal, horizontal];
}

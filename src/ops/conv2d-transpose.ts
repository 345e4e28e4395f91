import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs, checkInteger, checkRank, type Pair, pair } from "./arguments.js";
import { conv2d } from "./conv2d.js";
import { convolveBack } from "./conv2d-kernel.js";
import { permute, reshape } from "./layout.js";
import { apart } from "./move.js";
import { pad } from "./pad.js";
import { flip, slice } from "./slice.js";

export interface Conv2dTransposeOptions {
  /** Default 1. */
  stride?: Pair;
  /** What the convolution this undoes was padded with. Default 0. */
  padding?: Pair;
  /** Rows and columns added at the bottom and right, which a stride leaves open. Default 0. */
  outputPadding?: Pair;
  /** Default 1. */
  dilation?: Pair;
  /** Default 1. */
  groups?: number;
}

const transposeOptions: OptionTable<Conv2dTransposeOptions> = {
  stride: "checked",
  padding: "checked",
  outputPadding: "checked",
  dilation: "checked",
  groups: "checked",
};

/**
 * Transposed convolution, the gradient of conv2d with respect to its input: x [n, h, w, cIn] with
 * weights [kh, kw, cOut / groups, cIn] gives [n, outH, outW, cOut],
 * outH = (h - 1) stride - 2 padding + dilation (kh - 1) + outputPadding + 1, outW likewise.
 */
export function conv2dTranspose(
  x: Tensor,
  w: Tensor,
  options: Conv2dTransposeOptions = {},
): Tensor {
  const op = "conv2dTranspose";
  checkOptions(op, options, transposeOptions);
  checkInputs(op, [x, w], "float");
  checkRank(op, "x", x, 4, "[n, h, w, cIn]");
  checkRank(op, "the weight", w, 4, "[kh, kw, cOut / groups, cIn]");
  const [n, h, width, cIn] = x.shape as [number, number, number, number];
  const [kh, kw, perGroup, filters] = w.shape as [number, number, number, number];
  const { groups = 1 } = options;
  checkInteger(op, "groups", groups, 1);
  if (cIn !== filters || cIn === 0 || cIn % groups !== 0) {
    throw new ShapeError(
      `${op}: x ${formatShape(x.shape)} has ${cIn} channels, the weight ${formatShape(w.shape)} ` +
        `takes ${filters}${groups > 1 ? ` in ${groups} groups` : ""}`,
    );
  }
  const [strideH, strideW] = pair(op, "stride", options.stride ?? 1);
  const [dilationH, dilationW] = pair(op, "dilation", options.dilation ?? 1);
  const [padH, padW] = pair(op, "padding", options.padding ?? 0);
  const [moreH, moreW] = pair(op, "outputPadding", options.outputPadding ?? 0);
  const each = [
    ["stride", strideH, strideW, 1],
    ["dilation", dilationH, dilationW, 1],
    ["padding", padH, padW, 0],
    ["outputPadding", moreH, moreW, 0],
  ] as const;
  for (const [name, a, b, least] of each) {
    for (const value of [a, b]) checkInteger(op, name, value, least);
  }
  if (moreH >= Math.max(strideH, dilationH) || moreW >= Math.max(strideW, dilationW)) {
    throw new ShapeError(
      `${op}: outputPadding [${moreH}, ${moreW}] must be below the stride [${strideH}, ${strideW}]`,
    );
  }
  const outH = (h - 1) * strideH - 2 * padH + dilationH * (kh - 1) + moreH + 1;
  const outW = (width - 1) * strideW - 2 * padW + dilationW * (kw - 1) + moreW + 1;
  if (outH < 1 || outW < 1) {
    throw new ShapeError(
      `${op}: ${formatShape(x.shape)} with weights ${formatShape(w.shape)} and padding ${padH}, ` +
        `${padW} leaves ${outH} x ${outW} pixels; use less padding`,
    );
  }
  const cOut = perGroup * groups;
  const plain = groups * dilationH * dilationW === 1 && moreH < strideH && moreW < strideW;
  if (plain) {
    return convolveBack(x, w, {
      ...{ n, h: outH, w: outW, cIn: cOut, cOut: cIn, kh, kw, strideH, strideW, padH, padW },
      ...{ outH: h, outW: width },
    });
  }
  // A convolution of x with zeros in between, by filters turned by half a turn.
  const turned = permute(
    reshape(flip(w, [0, 1]), [kh, kw, perGroup, groups, cIn / groups]),
    [0, 1, 4, 3, 2],
  );
  const [top, left] = [dilationH * (kh - 1) - padH, dilationW * (kw - 1) - padW];
  const sides = [
    [top, top + moreH],
    [left, left + moreW],
  ] as const;
  // Padding below 0 takes rows and columns away.
  const less = sides.map(([a, b]) => [-Math.min(a, 0), Math.min(b, 0) || null] as const);
  const more = sides.map(([a, b]) => [Math.max(a, 0), Math.max(b, 0)] as const);
  const wide = apart(x, strideH, strideW);
  const cut = less.some(([a, b]) => a || b) ? slice(wide, [null, ...less]) : wide;
  const padded = pad(cut, [0, ...more, 0]);
  const weights = reshape(turned, [kh, kw, cIn / groups, cOut]);
  return conv2d(padded, weights, { dilation: [dilationH, dilationW], groups });
}

import { stridesOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Window } from "./conv2d-window.js";
import { permute, reshape } from "./layout.js";
import { matmul } from "./matmul.js";
import { assemble, whole } from "./move.js";

/**
 * A convolution with groups or dilation of x that is padded already: windows of all groups side by
 * side (im2col), times the groups' filters. The windows take kh kw times x's memory.
 */
export function grouped(x: Tensor, w: Tensor, s: Window): Tensor {
  const { n, kh, kw, cIn, cOut, groups, outH, outW } = s;
  const [image = 0, row = 0, column = 0] = stridesOf(x.shape);
  const [from, to] = [cIn / groups, cOut / groups];
  // [groups, n, outH, outW, kh, kw, cIn / groups]
  const shape = [groups, n, outH, outW, kh, kw, from];
  const strides = [
    ...[from, image, row * s.strideH, column * s.strideW],
    ...[row * s.dilationH, column * s.dilationW, 1],
  ];
  const steps = { offset: 0, strides };
  const windows = assemble("conv2d", x, shape, [
    { shape, from: steps, to: whole(shape), again: [4, 5] },
  ]);
  const [pixels, inner] = [n * outH * outW, kh * kw * from];
  const filters = groups === 1 ? w : permute(reshape(w, [kh * kw * from, groups, to]), [1, 0, 2]);
  const product = matmul(
    reshape(windows, [groups, pixels, inner]),
    reshape(filters, [groups, inner, to]),
  );
  const last = groups === 1 ? product : permute(product, [1, 0, 2]);
  return reshape(last, [n, outH, outW, cOut]);
}

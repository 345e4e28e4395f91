import type { Conv2dShape } from "../../device/kernels/conv2d-call.js";
import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import { convShape } from "./shapes.js";
import type { CasesOf } from "./table.js";

interface Product {
  batch?: number;
  m: number;
  n: number;
  k: number;
  transA?: boolean;
  transB?: boolean;
  bias?: boolean;
  /** Result in f32 whatever the operands are. */
  single?: boolean;
}

/** Sides below and above the largest tile; vectors of 4 divide every second one; long sums. */
const products: readonly Product[] = [
  { batch: 2, m: 37, n: 35, k: 21, transA: true, transB: true, bias: true },
  { batch: 3, m: 36, n: 40, k: 24, transB: true },
  { m: 131, n: 137, k: 75, transB: true, bias: true },
  { m: 132, n: 136, k: 72 },
  { m: 5, n: 3, k: 1031 },
  { m: 20, n: 12, k: 2048, transA: true },
  { m: 33, n: 10, k: 67, transB: true, bias: true, single: true },
];

const matmul = products.map((p) => (d: Draw): HostCall<"matmul"> => {
  const { batch = 1, m, n, k, transA = false, transB = false, bias, single } = p;
  const length = batch * m * n;
  return {
    ...{ batch, m, n, k, transA, transB, batchStrideA: m * k, batchStrideB: k * n },
    a: d.values(batch * m * k),
    b: d.values(batch * k * n),
    bias: bias ? d.floats(n) : null,
    out: single ? d.floatResult(length) : d.result(length),
  };
});

const one = { pad: [1, 1] } as const;
const convolutions: readonly Conv2dShape[] = [
  convShape([2, 7, 5, 3], [3, 3, 4], one),
  convShape([3, 9, 15, 12], [3, 3, 76], { stride: [2, 1], pad: [1, 1] }),
  convShape([3, 6, 7, 33], [1, 1, 16], { stride: [2, 2] }),
  convShape([1, 13, 11, 4], [5, 5, 4], { stride: [3, 3], pad: [2, 2] }),
  // What Winograd's algorithm takes as well: vectors, odd sides, tiles and sums beyond 128.
  convShape([2, 9, 10, 8], [3, 3, 12], one),
  convShape([2, 7, 5, 3], [3, 3, 5], { pad: [0, 2] }),
  convShape([5, 11, 13, 36], [3, 3, 132], one),
  convShape([17, 31, 33, 3], [3, 3, 5], one),
];

const sizes = (s: Conv2dShape) => ({
  x: s.n * s.h * s.w * s.cIn,
  w: s.kh * s.kw * s.cIn * s.cOut,
  out: s.n * s.outH * s.outW * s.cOut,
});

const conv2d = convolutions.map((shape) => (d: Draw): HostCall<"conv2d"> => {
  const { x, w, out } = sizes(shape);
  return { x: d.values(x), w: d.values(w), out: d.result(out), shape };
});

const conv2dInputGrad = convolutions.map((shape) => (d: Draw): HostCall<"conv2dInputGrad"> => {
  const { x, w, out } = sizes(shape);
  return { dy: d.values(out), w: d.values(w), dx: d.result(x), shape };
});

/** The gradient of f32 weights is f32. */
const conv2dWeightGrad = convolutions.map((shape) => (d: Draw): HostCall<"conv2dWeightGrad"> => {
  const { x, w, out } = sizes(shape);
  return { x: d.values(x), dy: d.values(out), dw: d.floatResult(w), shape };
});

const conv2dInference = convolutions.flatMap((shape) =>
  [true, false].map((fused) => (d: Draw): HostCall<"conv2dInference"> => {
    const { x, w, out } = sizes(shape);
    return {
      ...{ x: d.values(x), w: d.values(w), bias: d.floats(shape.cOut), relu: fused },
      residual: fused ? d.values(out) : null,
      ...{ out: d.result(out), shape },
    };
  }),
);

/** Matrix products and convolutions. */
export const gemm = {
  ...{ matmul, conv2d, conv2dInference, conv2dInputGrad, conv2dWeightGrad },
} satisfies CasesOf;

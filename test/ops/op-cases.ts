import {
  abs,
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  add,
  affine,
  argmin,
  argsort,
  attention,
  avgPool2d,
  bce,
  bceWithLogits,
  cast,
  concat,
  conv2d,
  conv2dTranspose,
  cumsum,
  dct2d,
  div,
  einsum,
  embedding,
  equal,
  erf,
  expand,
  expm1,
  flatten,
  flip,
  geluExact,
  greater,
  greaterEqual,
  gridSample,
  idct2d,
  less,
  lessEqual,
  log1p,
  logSoftmax,
  logSumExp,
  matmul,
  maximum,
  min,
  mse,
  mul,
  notEqual,
  pad,
  pow,
  prod,
  repeat,
  roll,
  type Sorted,
  slice,
  softmax,
  softplus,
  sort,
  split,
  squeeze,
  stack,
  sub,
  tile,
  topk,
  tril,
  triu,
  unsqueeze,
  upsample2d,
  variance,
  where,
  windows,
} from "../../src/ops/index.js";
import type { Tensor } from "../../src/tensor/tensor.js";

type Case = (a: Tensor, b: Tensor, c: Tensor) => Tensor;

const moving: Record<string, Case> = {
  "slice with steps": (x) => slice(x, [[1, 6, 2], null, [1, -1, 3]]),
  "slice backwards and by index": (x) => slice(x, [[5, 1, -2], 2, [-2]]),
  "concat along the middle": (a, b, c) => concat([a, b, c], 1),
  "concat of one tensor with itself": (x) => concat([x, x], -1),
  "stack in front and at the end": (a, b) => stack([stack([a, b], -1), stack([b, a], -1)]),
  "split in three": (x) => {
    const [a, b, c] = split(x, 3, 1) as [Tensor, Tensor, Tensor];
    return add(mul(a, b), affine(c, 2));
  },
  "pad with a number": (x) => pad(x, [0, [0, 3], [1, 2], 0], { value: -0.5 }),
  "pad by reflection": (x) => pad(x, [0, [3, 2], [1, 4], 0], { mode: "reflect" }),
  "pad by the edge": (x) => pad(x, [0, [3, 2], [0, 4], 0], { mode: "edge" }),
  "flip two axes": (x) => flip(x, [0, -1]),
  "roll forth and back": (x) => roll(roll(x, 3, 0), -7, 1),
  "windows of one axis": (x) => windows(x, [1], [4], { stride: 2 }),
  "windows of two axes, apart": (x) =>
    windows(x, [1, 2], [3, 2], { stride: [1, 3], dilation: [2, 1] }),
  repeat: (x) => repeat(x, 3, 1),
  tile: (x) => tile(x, [2, 3]),
  expand: (x) => expand(x, [4, 3, 5, 2]),
  "squeeze, unsqueeze, flatten": (x) => unsqueeze(flatten(squeeze(x, [1])), 1),
};

/** Elements within 0.3 of 0 are 0. */
const zeroed = (x: Tensor): Tensor => where(less(abs(x), 0.3), 0, x);
const float = (x: Tensor): Tensor => cast(x, "f32");

const reducing: Record<string, Case> = {
  "softmax of the last axis": (x) => softmax(x),
  "softmax of the first axis": (x) => softmax(x, 0),
  logSoftmax: (x) => logSoftmax(x, 1),
  "logSumExp of two axes": (x) => logSumExp(x, [0, 2]),
  "logSumExp of all": (x) => logSumExp(x, undefined, { keepDims: true }),
  variance: (x) => variance(x, [0, 2]),
  "variance of all, of the population": (x) => variance(x, undefined, { correction: 0 }),
  "min over an axis": (x) => min(x, [1]),
  argmin: (x) => argmin(float(x), [1]),
  "prod of an axis": (x) => prod(x, [1]),
  "prod at zeros": (x) => prod(zeroed(x), [1], { keepDims: true }),
  "prod of two axes": (x) => prod(x, [0, 2]),
  cumsum: (x) => cumsum(x, 1),
  "cumsum of the last axis": (x) => cumsum(x, -1),
};

const elementwise: Record<string, Case> = {
  "erf, expm1, log1p, softplus": (x) =>
    add(add(erf(mul(2, x)), expm1(x)), add(log1p(mul(x, 0.9)), softplus(mul(x, 4)))),
  geluExact: (x) => geluExact(x),
  comparisons: (a, b) =>
    [less, lessEqual, greater, greaterEqual, equal, notEqual]
      .map((compare, i) => mul(compare(a, b), i + 1))
      .reduce((x, y) => add(x, y)),
  "where, with numbers and broadcasting": (a, b, c) =>
    where(greater(a, b), where(greater(c, 0), b, 2), c),
  "numbers as operands": (x) => {
    const first = sub(add(div(mul(add(x, 1), sub(3, x)), 2), div(1, x)), mul(0.5, x));
    return add(first, sub(add(maximum(x, 1.5), add(pow(2, x), pow(x, 1.5))), 1));
  },
  integers: (a, b) => add(sub(add(mul(a, 77), b), 3), div(add(a, 2), add(b, 1))),
  "cast of integers": (a) => div(float(a), 3),
  "tril, triu": (x) => add(tril(x, 1), add(mul(2, triu(x, -1)), mul(3, tril(x, -2)))),
  mse: (a, b) => mse(a, b),
  bce: (a, b) => bce(a, b, { reduction: "sum" }),
  "bce at 0 and 1": (a, b) => bce(float(a), float(b), { reduction: "none" }),
  bceWithLogits: (a, b) => bceWithLogits(a, b),
  embedding: (table, index) => embedding(table, index),
};

const products: Record<string, Case> = {
  "matmul, batches broadcast on both sides": (a, b) => matmul(a, b),
  "matmul, batches within a batch": (a, b) => matmul(a, b, { transB: true }),
  "einsum, a batched product": (a, b) => einsum("bij,bjk->bik", a, b),
  "einsum, attention's products": (q, k) => einsum("bqhd,bkhd->bhqk", q, k),
  "einsum of three": (a, b, c) => einsum("ij, jk, kl -> li", a, b, c),
  "einsum, outer product, implicit": (a, b) => einsum("j,i", a, b),
  "einsum, diagonals and sums": (a, b) => einsum("iji,jk->i", a, b),
  "einsum, a transposed trace": (a) => einsum("aba->b", a),
};

const both = ({ values, indices }: Sorted): Tensor => stack([values, float(indices)]);

const ordering: Record<string, Case> = {
  sort: (x) => both(sort(x)),
  "sort along the first axis, descending": (x) => both(sort(x, 0, { descending: true })),
  topk: (x) => topk(x, 3).values,
  "topk, the smallest, along the middle": (x) => topk(x, 4, 1, { largest: false }).values,
  "topk of indices": (x) => topk(x, 3).indices,
  "argsort of ties": (x) => argsort(float(x), 1),
};

const images: Record<string, Case> = {
  "conv2d, dilated": (x, w) => conv2d(x, w, { dilation: [2, 3], stride: [2, 1], padding: [2, 1] }),
  "conv2d in groups": (x, w) => conv2d(x, w, { groups: 3, padding: 1 }),
  "conv2d in groups, dilated": (x, w) => conv2d(x, w, { groups: 2, dilation: 2, stride: 2 }),
  "conv2d with unequal padding": (x, w) => conv2d(x, w, { padding: [0, 2, 3, 1], stride: 2 }),
  "conv2d by channels": (x, w) => conv2d(x, w, { groups: 5, padding: 1 }),
  "conv2d by channels, two filters each, stride, dilation, unequal padding": (x, w) =>
    conv2d(x, w, { groups: 3, stride: [2, 3], dilation: [2, 1], padding: [1, 2, 0, 3] }),
  "conv2d by channels, more padding than filter": (x, w) =>
    conv2d(x, w, { groups: 4, padding: [3, 4] }),
  conv2dTranspose: (x, w) => conv2dTranspose(x, w, { stride: 2, padding: 1 }),
  "conv2dTranspose with outputPadding": (x, w) =>
    conv2dTranspose(x, w, { stride: [3, 2], padding: [1, 0], outputPadding: [2, 1] }),
  "conv2dTranspose in groups, dilated": (x, w) =>
    conv2dTranspose(x, w, {
      ...{ stride: [2, 1], padding: [1, 2], outputPadding: [1, 0], dilation: [2, 3], groups: 3 },
    }),
  "conv2dTranspose dilated, cut": (x, w) =>
    conv2dTranspose(x, w, { stride: 2, padding: [3, 1], outputPadding: 1, dilation: [2, 1] }),
  "avgPool2d without its padding": (x) =>
    avgPool2d(x, [3, 4], { stride: [2, 3], padding: [1, 2], countIncludePad: false }),
  adaptiveAvgPool2d: (x) => adaptiveAvgPool2d(x, [3, 2]),
  "adaptiveAvgPool2d to more": (x) => adaptiveAvgPool2d(x, [5, 4]),
  adaptiveMaxPool2d: (x) => adaptiveMaxPool2d(x, [3, 4]),
  "upsample2d, nearest": (x) => upsample2d(x, { size: [9, 4] }),
  "upsample2d, nearest, odd": (x) => upsample2d(x, { size: [10, 3] }),
  "upsample2d, bilinear": (x) => upsample2d(x, { scale: [2, 1.7], mode: "bilinear" }),
  "upsample2d, bilinear, corners aligned": (x) =>
    upsample2d(x, { size: [7, 3], mode: "bilinear", alignCorners: true }),
  "upsample2d, bicubic": (x) => upsample2d(x, { size: [11, 3], mode: "bicubic" }),
  "upsample2d, bicubic, corners aligned": (x) =>
    upsample2d(x, { size: [8, 9], mode: "bicubic", alignCorners: true }),
  dct2d: (x) => dct2d(x),
  idct2d: (x) => idct2d(x),
  ...Object.fromEntries(
    (["zeros", "border", "reflection"] as const).flatMap((padding) =>
      [true, false].map((alignCorners): [string, Case] => [
        `gridSample, ${padding}, corners ${alignCorners ? "aligned" : "not aligned"}`,
        (x, grid) => gridSample(x, grid, { padding, alignCorners }),
      ]),
    ),
  ),
  attention: (q, k, v) => attention(q, k, v),
  "attention, causal": (q, k, v) => attention(q, k, v, { causal: true }),
  "attention with a mask": (q, k, mask) => attention(q, k, k, { mask }),
};

/** An op for each case of test/fixtures/ops.py. */
export const opCases: Record<string, Case> = {
  ...moving,
  ...reducing,
  ...elementwise,
  ...products,
  ...ordering,
  ...images,
};

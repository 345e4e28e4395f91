import { type Expr, elementwiseKernels } from "./elementwise.js";
import type {
  Conv2dShape,
  DepthwiseShape,
  KernelCalls,
  KernelName,
  Pool2dShape,
} from "./kernels.js";
import { bytesPerElement, type Slice } from "./storage.js";

/** What a kernel call is by its definition, whichever way a device computes it. */
export interface CallCost {
  /** The row of a profile: the kernel, with its operation where it has several. */
  readonly name: string;
  readonly shape: string;
  /**
   * Floating-point operations of the definition; a multiply-add is two. An algorithm may do fewer
   * (Winograd) or more (a transform): the rate against these is what the caller gets.
   */
  readonly flops: number;
  /**
   * Bytes that must move: every operand read once and every result written once, but x of a
   * training batch norm (and dy backward) twice, because statistics precede their use.
   */
  readonly bytes: number;
}

type Costs = { [K in KernelName]: (call: KernelCalls[K]) => CallCost };

/** Operations and bytes of a kernel call, counted from its shapes. */
export function costOf<K extends KernelName>(kernel: K, call: KernelCalls[K]): CallCost {
  return costs[kernel](call);
}

const bytesOf = (...slices: readonly (Slice | null)[]): number =>
  slices.reduce((sum, slice) => sum + (slice ? slice.length * bytesPerElement(slice) : 0), 0);

const cost = (name: string, shape: readonly number[] | string, flops: number, bytes: number) => ({
  ...{ name, flops, bytes },
  shape: typeof shape === "string" ? shape : shape.join("x"),
});

const expressions = elementwiseKernels();

/** "16x32x32 16>32 3x3/2": images, height and width; channels; filter and stride. */
export function describeConv(s: Conv2dShape): string {
  const stride = s.strideH === 1 && s.strideW === 1 ? "" : `/${s.strideH}`;
  return `${s.n}x${s.h}x${s.w} ${s.cIn}>${s.cOut} ${s.kh}x${s.kw}${stride}`;
}

const conv = (name: string, s: Conv2dShape, ...slices: (Slice | null)[]): CallCost => {
  const macs = s.n * s.outH * s.outW * s.cOut * s.kh * s.kw * s.cIn;
  return cost(name, describeConv(s), 2 * macs, bytesOf(...slices));
};

const pool = (name: string, s: Pool2dShape, ...slices: Slice[]): CallCost => {
  const flops = s.n * s.outH * s.outW * s.c * s.kh * s.kw;
  return cost(name, [s.n, s.h, s.w, s.c], flops, bytesOf(...slices));
};

const depthwise = (name: string, s: DepthwiseShape, ...slices: Slice[]): CallCost => {
  const macs = s.n * s.outH * s.outW * s.c * s.kh * s.kw;
  const shape = `${s.n}x${s.h}x${s.w} ${s.c} ${s.kh}x${s.kw}`;
  return cost(name, shape, 2 * macs, bytesOf(...slices));
};

const costs: Costs = {
  copy: ({ src, dst }) => cost("copy", [dst.length], 0, bytesOf(src, dst)),
  fill: ({ dst }) => cost("fill", [dst.length], 0, bytesOf(dst)),
  elementwise: ({ kernel, inputs, out, shape }) => {
    const expression = expressions.get(kernel);
    const flops = out.length * (expression ? operations(expression) : 0);
    const bytes = bytesOf(out, ...new Set(inputs.map(({ slice }) => slice)));
    return cost(`elementwise ${kernel}`, shape, flops, bytes);
  },
  integer: ({ op, inputs, out, shape }) =>
    cost(`integer ${op}`, shape, 0, bytesOf(out, ...new Set(inputs.map(({ slice }) => slice)))),
  reduce: ({ op, x, out, outer, reduced, inner }) =>
    cost(`reduce ${op}`, [outer, reduced, inner], outer * reduced * inner, bytesOf(x, out)),
  // What is read, written and, by adding, read again.
  move: ({ out, shape, add }) => {
    const elements = shape.reduce((a, b) => a * b, 1);
    const bytes = (add ? 3 : 2) * elements * bytesPerElement(out);
    return cost(add ? "move add" : "move", shape, add ? elements : 0, bytes);
  },
  matmul: ({ a, b, bias, out, batch, m, n, k }) => {
    const shape = `${batch > 1 ? `${batch} of ` : ""}${m}x${k} ${k}x${n}`;
    return cost("matmul", shape, 2 * batch * m * n * k, bytesOf(a, b, bias, out));
  },
  conv2d: ({ x, w, out, shape }) => conv("conv2d", shape, x, w, out),
  conv2dInference: ({ x, w, bias, residual, out, shape }) =>
    conv("conv2dInference", shape, x, w, bias, residual, out),
  conv2dInputGrad: ({ dy, w, dx, shape }) => conv("conv2dInputGrad", shape, dy, w, dx),
  conv2dWeightGrad: ({ x, dy, dw, shape }) => conv("conv2dWeightGrad", shape, x, dy, dw),
  depthwise2d: ({ x, w, out, shape }) => depthwise("depthwise2d", shape, x, w, out),
  depthwise2dWeightGrad: ({ x, dy, dw, shape }) =>
    depthwise("depthwise2dWeightGrad", shape, x, dy, dw),
  // Mean 1, centred variance 3, a multiply-add to normalise; the residual and the ReLU.
  batchNorm: ({ x, residual, out, rows, channels, relu }) => {
    const each = 6 + (residual ? 1 : 0) + (relu ? 1 : 0);
    const bytes = bytesOf(x, x, residual, out);
    return cost("batchNorm", [rows, channels], each * rows * channels, bytes);
  },
  batchNormInference: ({ x, residual, out, rows, channels, relu }) => {
    const each = 2 + (residual ? 1 : 0) + (relu ? 1 : 0);
    const bytes = bytesOf(x, residual, out);
    return cost("batchNormInference", [rows, channels], each * rows * channels, bytes);
  },
  // The mask 1, dbeta 1, dgamma 3; two multiply-adds for dx.
  batchNormBackward: ({ x, y, dy, dx, dresidual, rows, channels, relu }) => {
    const each = 4 + (relu ? 1 : 0) + (dx ? 4 : 0);
    const again = dx ? bytesOf(x, dresidual ?? dy) : 0;
    const bytes = bytesOf(x, dy, relu ? y : null, dx, dresidual) + again;
    return cost("batchNormBackward", [rows, channels], each * rows * channels, bytes);
  },
  batchNormStatistics: ({ channels }) =>
    cost("batchNormStatistics", [channels], 3 * channels, 16 * channels),
  pool2d: ({ op, x, out, shape }) => pool(`pool2d ${op}`, shape, x, out),
  pool2dBackward: ({ op, x, dy, dx, shape }) =>
    pool(`pool2dBackward ${op}`, shape, dy, dx, ...(op === "max" ? [x] : [])),
  // Maximum, difference, exponential, sum, quotient.
  softmaxCrossEntropy: ({ logits, labels, loss, probabilities, rows, classes }) =>
    cost(
      "softmaxCrossEntropy",
      [rows, classes],
      5 * rows * classes,
      bytesOf(logits, labels, loss, probabilities),
    ),
  softmaxCrossEntropyBackward: ({ probabilities, labels, dloss, dlogits, rows, classes }) =>
    cost(
      "softmaxCrossEntropyBackward",
      [rows, classes],
      3 * rows * classes,
      bytesOf(probabilities, labels, dloss, dlogits),
    ),
  gatherRows: ({ index, out, picked, columns }) =>
    cost("gatherRows", [picked, columns], 0, bytesOf(index, out, out)),
  scatterAddRows: ({ dy, index, out, picked, columns }) =>
    cost("scatterAddRows", [picked, columns], picked * columns, bytesOf(dy, index, out)),
  sort: ({ x, index, rank, rows, length }) =>
    cost("sort", [rows, length], 0, bytesOf(x, index, rank)),
  gatherAlong: ({ index, out, rows, picked }) =>
    cost("gatherAlong", [rows, picked], 0, bytesOf(index, out, out)),
  oneHot: ({ index, out, picked, classes }) =>
    cost("oneHot", [picked, classes], 0, bytesOf(index, out)),
  augment: ({ images, out, n, h, w, channels }) =>
    cost("augment", [n, h, w, channels], 3 * n * h * w * channels, bytesOf(images, out)),
  random: ({ op, out }) => cost(`random ${op}`, [out.length], 0, bytesOf(out)),
  sgd: ({ params, grads, velocity }) =>
    cost(
      "sgd",
      [params.length],
      6 * params.length,
      bytesOf(params, params, grads, velocity, velocity),
    ),
  adamCount: ({ count, hyper }) => cost("adamCount", [], 7, bytesOf(count, count, hyper)),
  adam: ({ params, grads, m, v }) =>
    cost("adam", [params.length], 14 * params.length, bytesOf(params, params, grads, m, m, v, v)),
  unscale: ({ grads }) => cost("unscale", [grads.length], grads.length, bytesOf(grads, grads)),
  updateScale: ({ state }) => cost("updateScale", [], 1, bytesOf(state, state)),
  multiplyAdd: ({ out, rounds }) =>
    cost("multiplyAdd", [out.length], 2 * out.length * rounds, bytesOf(out)),
};

/** Operators of an expression: its floating-point operations for one element. */
function operations(e: Expr): number {
  switch (e.kind) {
    case "name":
    case "const":
      return 0;
    case "unary":
      return 1 + operations(e.x);
    case "binary":
      return 1 + operations(e.x) + operations(e.y);
    case "select":
      return 1 + [e.x, e.y, e.yes, e.no].reduce((sum, part) => sum + operations(part), 0);
  }
}

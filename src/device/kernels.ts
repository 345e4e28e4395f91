import type { ElementwiseKernel, IntegerOp } from "./elementwise.js";
import type { Slice } from "./storage.js";

/**
 * The closed table of kernels. Each device implements every row; everything above calls
 * `device.run(name, call)`. Shapes are row-major; elements are 32 bits wide (f32 unless said).
 * On a device with the feature shader-f16 the activations of elementwise, reduce (its x), matmul,
 * convolutions (also depthwise ones), batch norm and pooling and what copy, fill, move and augment write may be f16:
 * arithmetic stays f32. An operation's operands then agree; a weight's gradient may be f32.
 * A slice that a kernel writes never lies in the same storage as a slice it reads, except where a
 * row says "in place". Sizes may be odd; a size of zero is filtered out above the device.
 */
export interface KernelCalls {
  /** dst := src, same length, any element type. */
  copy: { src: Slice; dst: Slice };
  /** dst := value (f32). */
  fill: { dst: Slice; value: number };
  /** out[i] := expression(inputs[i]); operands in `operandsOf` order, each with its own strides. */
  elementwise: ElementwiseCall;
  /** As elementwise, of `integerTable`: operands and results are u32, or f32 as `integerTypes` says. */
  integer: Omit<ElementwiseCall, "kernel" | "scalars"> & { op: IntegerOp };
  /** x seen as [outer, reduced, inner] -> out [outer, inner]. `argmax` writes u32, lowest index wins. */
  reduce: {
    op: "sum" | "mean" | "max" | "argmax";
    x: Slice;
    out: Slice;
    outer: number;
    reduced: number;
    inner: number;
  };
  move: MoveCall;
  matmul: MatmulCall;
  /** Cross-correlation: out[n,oh,ow,co] = sum x[n, oh*sh-ph+i, ow*sw-pw+j, ci] * w[i,j,ci,co]. */
  conv2d: { x: Slice; w: Slice; out: Slice; shape: Conv2dShape };
  /** Convolution with an epilogue, for inference: out := relu?(conv2d(x, w) + bias + residual?). */
  conv2dInference: {
    x: Slice;
    w: Slice;
    /** [cOut]. */
    bias: Slice;
    /** The shape of out. */
    residual: Slice | null;
    relu: boolean;
    out: Slice;
    shape: Conv2dShape;
  };
  /** dx := gradient of conv2d with respect to x. */
  conv2dInputGrad: { dy: Slice; w: Slice; dx: Slice; shape: Conv2dShape };
  /** dw := gradient of conv2d with respect to w. */
  conv2dWeightGrad: { x: Slice; dy: Slice; dw: Slice; shape: Conv2dShape };
  /** out[n,oh,ow,c] := sum x[n, oh*sh - padTop + i*dh, ow*sw - padLeft + j*dw, c] * w[i,j,c]. */
  depthwise2d: { x: Slice; w: Slice; out: Slice; shape: DepthwiseShape };
  /** dw := gradient of depthwise2d with respect to w. */
  depthwise2dWeightGrad: { x: Slice; dy: Slice; dw: Slice; shape: DepthwiseShape };
  /**
   * Training batch norm over rows. mean and invStd ([channels]) are written for the backward pass;
   * running statistics are updated in place (variance unbiased: times rows / (rows - 1)):
   * running := (1 - momentum) * running + momentum * batch. (One row counts as variance 0.)
   * out := relu?((x - mean) * invStd * gamma + beta + residual?).
   */
  batchNorm: BatchNormShape & {
    x: Slice;
    gamma: Slice;
    beta: Slice;
    runningMean: Slice;
    runningVar: Slice;
    residual: Slice | null;
    mean: Slice;
    invStd: Slice;
    out: Slice;
    momentum: number;
    eps: number;
  };
  /** Evaluation batch norm with running statistics; invStd = 1 / sqrt(runningVar + eps). */
  batchNormInference: BatchNormShape & {
    x: Slice;
    gamma: Slice;
    beta: Slice;
    runningMean: Slice;
    runningVar: Slice;
    residual: Slice | null;
    out: Slice;
    eps: number;
  };
  /**
   * Backward of either form. g := relu ? dy * (y > 0) : dy; y is read only when relu.
   * dbeta := sum g; dgamma := sum g * xhat, xhat = (x - mean) * invStd; dresidual := g.
   * training: dx := gamma * invStd * (g - dbeta / rows - xhat * dgamma / rows);
   * else (statistics are constants): dx := gamma * invStd * g. Null outputs are not computed.
   */
  batchNormBackward: BatchNormShape & {
    x: Slice;
    y: Slice | null;
    dy: Slice;
    gamma: Slice;
    mean: Slice;
    invStd: Slice;
    dx: Slice | null;
    dgamma: Slice;
    dbeta: Slice;
    dresidual: Slice | null;
    training: boolean;
  };
  /** mean := runningMean copied, invStd := 1 / sqrt(runningVar + eps): what backward needs in eval mode. */
  batchNormStatistics: {
    runningMean: Slice;
    runningVar: Slice;
    mean: Slice;
    invStd: Slice;
    channels: number;
    eps: number;
  };
  /** NHWC windows; max ignores padding, avg divides by kh * kw (padding counts as zeros). */
  pool2d: { op: "max" | "avg"; x: Slice; out: Slice; shape: Pool2dShape };
  /** dx of pool2d; for max the first maximum of a window (row-major) takes the gradient. */
  pool2dBackward: { op: "max" | "avg"; x: Slice; dy: Slice; dx: Slice; shape: Pool2dShape };
  /**
   * loss[r] := -sum_c t[c] * logSoftmax(logits[r])[c], t = on at labels[r] (u32), off elsewhere;
   * probabilities[r, c] := softmax. A label >= classes gives a NaN loss for that row.
   */
  softmaxCrossEntropy: {
    logits: Slice;
    labels: Slice;
    loss: Slice;
    probabilities: Slice;
    rows: number;
    classes: number;
    on: number;
    off: number;
  };
  /** dlogits[r, c] := dloss[r] * (probabilities[r, c] * (on + off * (classes - 1)) - t[c]). */
  softmaxCrossEntropyBackward: {
    probabilities: Slice;
    labels: Slice;
    dloss: Slice;
    dlogits: Slice;
    rows: number;
    classes: number;
    on: number;
    off: number;
  };
  /** out[i, :] := x[index[i], :] (index u32); an index out of range gives a row of NaN. */
  gatherRows: { x: Slice; index: Slice; out: Slice; rows: number; picked: number; columns: number };
  /** out[r, :] := sum over i with index[i] = r of dy[i, :], in the order of i (every row is written). */
  scatterAddRows: {
    dy: Slice;
    index: Slice;
    out: Slice;
    rows: number;
    picked: number;
    columns: number;
  };
  /**
   * For each row of x [rows, length]: index[r, i] (u32) := which element is the i-th in order, and
   * rank (u32) := its inverse, rank[r, index[r, i]] = i. Ties keep their order; NaN is above all.
   */
  sort: {
    x: Slice;
    index: Slice;
    rank: Slice;
    rows: number;
    length: number;
    descending: boolean;
  };
  /** out[r, i] := x[r, index[r, i]], 0 where the index is not below `length`. */
  gatherAlong: {
    x: Slice;
    index: Slice;
    out: Slice;
    rows: number;
    length: number;
    picked: number;
  };
  /** out[i, c] := index[i] = c ? on : off. */
  oneHot: { index: Slice; out: Slice; picked: number; classes: number; on: number; off: number };
  augment: AugmentCall;
  /**
   * Philox4x32-10, key = state[0..1], counter = (block, state[2], state[3], 0); element i is word
   * i % 4 of block floor(i / 4). uniform: low + (high - low) * (word >> 8) * 2^-24.
   * normal: words (2j, 2j+1) of a block make a Box-Muller pair (cosine, then sine) with
   * u1 = ((word >> 8) + 1) * 2^-24, u2 = (word' >> 8) * 2^-24; low is the mean, high the deviation.
   */
  random: { op: "uniform" | "normal"; out: Slice; state: Slice; low: number; high: number };
  /**
   * In place on params and velocity, PyTorch's rule: d = grad + weightDecay * param;
   * v := momentum * v + d; param -= lr * (nesterov ? d + momentum * v : v).
   * hyper (f32) = [lr, momentum, weightDecay, nesterov]. With `skip`, the state of a loss scale:
   * nothing happens if its third value is not 0.
   */
  sgd: { params: Slice; grads: Slice; velocity: Slice; hyper: Slice; skip: Slice | null };
  /**
   * Counts a step of Adam: count (f32) = [t, 1 - beta1^t, 1 - beta2^t] is brought from t to t + 1,
   * each correction by c := beta * c + (1 - beta). hyper and `skip` as for adam.
   */
  adamCount: { count: Slice; hyper: Slice; skip: Slice | null };
  /**
   * In place, PyTorch's rule, with the bias corrections that `adamCount` has left in `count`.
   * hyper (f32) = [lr, beta1, beta2, eps, weightDecay, decoupled]: decoupled = 1 is AdamW (params
   * -= lr * weightDecay * params first). `skip` as for sgd.
   */
  adam: {
    params: Slice;
    grads: Slice;
    m: Slice;
    v: Slice;
    count: Slice;
    hyper: Slice;
    skip: Slice | null;
  };
  /**
   * In place: grads := grads / state[0]; state[2] := 1 if one of them is infinite or NaN.
   * state (f32) = [loss scale, good steps since it changed, found, steps skipped].
   */
  unscale: { grads: Slice; state: Slice };
  /**
   * Dynamic loss scaling, after PyTorch's GradScaler: if found, scale *= backoff, good := 0,
   * found := 0, skipped += 1; else good += 1, and when it reaches `interval`, good := 0 and
   * scale *= growth unless that overflows.
   */
  updateScale: { state: Slice; growth: number; backoff: number; interval: number };
  /**
   * Arithmetic without memory, to measure a device's peak: out[i] := x after `rounds` times
   * x := x / 2 + 1 from x = i / length; 2 * length * rounds operations.
   */
  multiplyAdd: { out: Slice; rounds: number };
}

export type KernelName = keyof KernelCalls;

export interface ElementwiseCall {
  kernel: ElementwiseKernel;
  /** One operand per name of `operandsOf`; strides in elements, 0 on broadcast dimensions. */
  inputs: readonly { slice: Slice; strides: readonly number[] }[];
  out: Slice;
  /** Shape of the contiguous output (rank <= 6). */
  shape: readonly number[];
  /** The scalars p and q. They are static: what changes from step to step is an operand. */
  scalars: readonly [p: number, q: number];
}

/**
 * out[to.offset + i . to.strides] := x[from.offset + i . from.strides] for every index i of `shape`
 * (rank <= 12), x and out of one element type. Strides may be negative, those of x also 0; no two
 * indices write one element. With `add` (f32 alone) the element is added to what is there: in place.
 */
export interface MoveCall {
  x: Slice;
  out: Slice;
  shape: readonly number[];
  from: Steps;
  to: Steps;
  add: boolean;
}

/** Where index 0 lies in a slice, and how far it is to the next in each dimension, in elements. */
export interface Steps {
  offset: number;
  strides: readonly number[];
}

/** out[b,m,n] := sum_k A[b,m,k] * B[b,k,n] (+ bias[n]); A is stored [k,m] if transA, B [n,k] if transB. */
export interface MatmulCall {
  a: Slice;
  b: Slice;
  bias: Slice | null;
  out: Slice;
  batch: number;
  m: number;
  n: number;
  k: number;
  transA: boolean;
  transB: boolean;
  /** Elements from one batch entry to the next; 0 repeats the same matrix. */
  batchStrideA: number;
  batchStrideB: number;
}

/** NHWC activations, HWIO weights; outH = floor((h + 2 padH - kh) / strideH) + 1, outW likewise. */
export interface Conv2dShape {
  n: number;
  h: number;
  w: number;
  cIn: number;
  cOut: number;
  kh: number;
  kw: number;
  strideH: number;
  strideW: number;
  padH: number;
  padW: number;
  outH: number;
  outW: number;
}

/** NHWC, w [kh, kw, c]; pads may be negative, which leaves out a part of x. */
export interface DepthwiseShape {
  n: number;
  h: number;
  w: number;
  c: number;
  kh: number;
  kw: number;
  strideH: number;
  strideW: number;
  dilationH: number;
  dilationW: number;
  padTop: number;
  padLeft: number;
  outH: number;
  outW: number;
}

export interface Pool2dShape {
  n: number;
  h: number;
  w: number;
  c: number;
  kh: number;
  kw: number;
  strideH: number;
  strideW: number;
  padH: number;
  padW: number;
  outH: number;
  outW: number;
}

/** x is [rows, channels]. */
export interface BatchNormShape {
  rows: number;
  channels: number;
  relu: boolean;
}

/**
 * Batch augmentation: 8-bit images to normalised float, padded to 4 channels.
 * images: bytes [n, h, w, channels] packed little-endian into u32 words; out: [n, h, w, 4] f32.
 * Image i draws words r0..r3 of Philox4x32-10 with key = state[0..1], counter = (i, state[2],
 * state[3], 1): dy = mulhi(r0, 2 pad + 1) - pad, dx = mulhi(r1, 2 pad + 1) - pad (the window's
 * shift; mulhi(r, m) = floor(r * m / 2^32)), flip when flip and r2 >> 31 = 1.
 * Pixel (y, x) comes from (y + dy, flip ? w - 1 - x + dx : x + dx); outside is a black pixel.
 * out = (byte / 255 - mean[c]) / std[c]; channels c >= `channels` are 0, also outside.
 */
export interface AugmentCall {
  images: Slice;
  out: Slice;
  state: Slice;
  n: number;
  h: number;
  w: number;
  channels: number;
  pad: number;
  flip: boolean;
  mean: readonly number[];
  std: readonly number[];
}

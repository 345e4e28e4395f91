// Batch norm over the rows of [rows, channels]. Statistics are two-level: blocks of rows give a mean
// and a centred sum of squares each, and these are combined in float64, in order. The blocks depend
// on the shape only. `width` is channels rounded up to whole vectors: the row length of partials.

import { fillSpan } from "./copy";
import { madd, shareStart, storeTail } from "./simd";

// @ts-ignore: decorator
@inline
export function vectorWidth(channels: u32): u32 {
  return (channels + 3) & ~3;
}

/**
 * Per block of rows: its mean, and the sum of squares of x - mean.
 * Params: x, partials [blocks, 2, width], rows, channels, rows of a block.
 */
export function batchnorm_partial(thread: i32, threads: i32, p: usize): void {
  const x = load<usize>(p);
  const partials = load<usize>(p, 4);
  const rows = load<u32>(p, 8);
  const channels = load<u32>(p, 12);
  const blockRows = load<u32>(p, 16);
  const row: usize = 4 * <usize>channels;
  const width: usize = 4 * <usize>vectorWidth(channels);
  const blocks = (rows + blockRows - 1) / blockRows;
  const end = shareStart(blocks, thread + 1, threads);
  for (let block = shareStart(blocks, thread, threads); block < end; block++) {
    const first = block * blockRows;
    const n = min(blockRows, rows - first);
    const from = x + row * <usize>first;
    const mean = partials + 2 * width * <usize>block;
    blockMean(from, n, row, width, mean);
    blockSquares(from, n, row, width, mean, mean + width);
  }
}

function blockMean(x: usize, n: u32, row: usize, width: usize, mean: usize): void {
  fillSpan(mean, f32x4.splat(0), <u32>(width >> 2));
  let i: u32 = 0;
  for (; i + 4 <= n; i += 4, x += 4 * row) {
    for (let c: usize = 0; c < width; c += 16) {
      const at = x + c;
      const low = f32x4.add(v128.load(at), v128.load(at + row));
      const high = f32x4.add(v128.load(at + 2 * row), v128.load(at + 3 * row));
      v128.store(mean + c, f32x4.add(v128.load(mean + c), f32x4.add(low, high)));
    }
  }
  for (; i < n; i++, x += row) {
    for (let c: usize = 0; c < width; c += 16) {
      v128.store(mean + c, f32x4.add(v128.load(mean + c), v128.load(x + c)));
    }
  }
  const scale = f32x4.splat(<f32>1 / <f32>n);
  for (let c: usize = 0; c < width; c += 16) {
    v128.store(mean + c, f32x4.mul(v128.load(mean + c), scale));
  }
}

function blockSquares(
  x: usize,
  n: u32,
  row: usize,
  width: usize,
  mean: usize,
  squares: usize,
): void {
  fillSpan(squares, f32x4.splat(0), <u32>(width >> 2));
  let i: u32 = 0;
  for (; i + 4 <= n; i += 4, x += 4 * row) {
    for (let c: usize = 0; c < width; c += 16) {
      const at = x + c;
      const m = v128.load(mean + c);
      const d0 = f32x4.sub(v128.load(at), m);
      const d1 = f32x4.sub(v128.load(at + row), m);
      const d2 = f32x4.sub(v128.load(at + 2 * row), m);
      const d3 = f32x4.sub(v128.load(at + 3 * row), m);
      const low = madd(d0, d0, f32x4.mul(d1, d1));
      const high = madd(d2, d2, f32x4.mul(d3, d3));
      v128.store(squares + c, f32x4.add(v128.load(squares + c), f32x4.add(low, high)));
    }
  }
  for (; i < n; i++, x += row) {
    for (let c: usize = 0; c < width; c += 16) {
      const d = f32x4.sub(v128.load(x + c), v128.load(mean + c));
      v128.store(squares + c, madd(d, d, v128.load(squares + c)));
    }
  }
}

/**
 * Combines the blocks: mean = sum n_b mean_b / N, M2 = sum (M2_b + n_b (mean_b - mean)^2).
 * Params: partials, rows, channels, rows of a block, gamma, runningMean, runningVar, mean, invStd,
 * scale (written: gamma * invStd), momentum, eps.
 */
export function batchnorm_finish(thread: i32, threads: i32, p: usize): void {
  const partials = load<usize>(p);
  const rows = load<u32>(p, 4);
  const channels = load<u32>(p, 8);
  const blockRows = load<u32>(p, 12);
  const momentum = <f64>load<f32>(p, 40);
  const eps = <f64>load<f32>(p, 44);
  const width: usize = 4 * <usize>vectorWidth(channels);
  const blocks = (rows + blockRows - 1) / blockRows;
  const unbiased: f64 = rows > 1 ? <f64>rows / <f64>(rows - 1) : 1.0;
  const end = shareStart(channels, thread + 1, threads);
  for (let c = shareStart(channels, thread, threads); c < end; c++) {
    const at: usize = 4 * <usize>c;
    let sum: f64 = 0;
    let from = partials + at;
    for (let b: u32 = 0; b < blocks; b++, from += 2 * width) {
      sum += <f64>min(blockRows, rows - b * blockRows) * <f64>load<f32>(from);
    }
    const mean = sum / <f64>rows;
    let squares: f64 = 0;
    from = partials + at;
    for (let b: u32 = 0; b < blocks; b++, from += 2 * width) {
      const d = <f64>load<f32>(from) - mean;
      const n = <f64>min(blockRows, rows - b * blockRows);
      squares += <f64>load<f32>(from + width) + n * d * d;
    }
    const variance = squares / <f64>rows;
    const invStd = 1.0 / Math.sqrt(variance + eps);
    const runningMean = load<usize>(p, 20) + at;
    const runningVar = load<usize>(p, 24) + at;
    const keep = 1.0 - momentum;
    store<f32>(runningMean, <f32>(keep * <f64>load<f32>(runningMean) + momentum * mean));
    store<f32>(
      runningVar,
      <f32>(keep * <f64>load<f32>(runningVar) + momentum * variance * unbiased),
    );
    store<f32>(load<usize>(p, 28) + at, <f32>mean);
    store<f32>(load<usize>(p, 32) + at, <f32>invStd);
    store<f32>(load<usize>(p, 36) + at, <f32>(<f64>load<f32>(load<usize>(p, 16) + at) * invStd));
  }
}

/** Params: variance, gamma or 0 for 1, scale (written: gamma / sqrt(variance + eps)), n, eps. */
export function batchnorm_scale(thread: i32, threads: i32, p: usize): void {
  if (thread != 0) return;
  const gamma = load<usize>(p, 4);
  const n = load<u32>(p, 12);
  const eps = <f64>load<f32>(p, 16);
  for (let c: usize = 0; c < n; c++) {
    const g: f64 = gamma ? <f64>load<f32>(gamma + 4 * c) : 1.0;
    const variance = <f64>load<f32>(load<usize>(p) + 4 * c);
    store<f32>(load<usize>(p, 8) + 4 * c, <f32>(g / Math.sqrt(variance + eps)));
  }
}

/**
 * out = relu?((x - mean) * scale + beta + residual?).
 * Params: x, mean, scale, beta, residual or 0, out, rows, channels, relu.
 */
export function batchnorm_apply(thread: i32, threads: i32, p: usize): void {
  const mean = load<usize>(p, 4);
  const scale = load<usize>(p, 8);
  const beta = load<usize>(p, 12);
  const rows = load<u32>(p, 24);
  const channels = load<u32>(p, 28);
  const row: usize = 4 * <usize>channels;
  const whole: usize = 4 * <usize>(channels & ~3);
  // -Infinity as the floor is no ReLU.
  const floor = f32x4.splat(load<u32>(p, 32) ? <f32>0 : -Infinity);
  const start = shareStart(rows, thread, threads);
  const end = shareStart(rows, thread + 1, threads);
  let x = load<usize>(p) + row * <usize>start;
  let out = load<usize>(p, 20) + row * <usize>start;
  let residual = load<usize>(p, 16);
  const added = residual != 0;
  if (added) residual += row * <usize>start;
  for (let r = start; r < end; r++) {
    for (let c: usize = 0; c < whole; c += 16) {
      const centred = f32x4.sub(v128.load(x + c), v128.load(mean + c));
      let y = madd(centred, v128.load(scale + c), v128.load(beta + c));
      if (added) y = f32x4.add(y, v128.load(residual + c));
      v128.store(out + c, f32x4.pmax(y, floor));
    }
    if (whole < row) {
      const centred = f32x4.sub(v128.load(x + whole), v128.load(mean + whole));
      let y = madd(centred, v128.load(scale + whole), v128.load(beta + whole));
      if (added) y = f32x4.add(y, v128.load(residual + whole));
      storeTail(out + whole, f32x4.pmax(y, floor), channels & 3);
    }
    x += row;
    out += row;
    residual += row;
  }
}
